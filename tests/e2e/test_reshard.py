"""test_reshard.py: SplitShard and MergeShards."""

import concurrent.futures
import threading

import pytest

from server import ACCOUNT
from streams import (
    HASH_END,
    hash_range,
    key_hash,
    merge,
    open_shards,
    read_shard,
    read_stream,
    refused,
    shards,
    split,
    wait_active,
)

ZERO, ONE, TWO = (f"shardId-{n:012d}" for n in range(3))


def test_a_split_closes_the_parent_and_opens_two_children(kinesis, stream):
    split(kinesis, stream, ZERO, at=1000)
    parent, low, high = shards(kinesis, stream)
    ending = int(parent["SequenceNumberRange"]["EndingSequenceNumber"])
    assert ending > int(parent["SequenceNumberRange"]["StartingSequenceNumber"])
    assert hash_range(parent) == (0, HASH_END)
    assert (low["ShardId"], hash_range(low)) == (ONE, (0, 999))
    assert (high["ShardId"], hash_range(high)) == (TWO, (1000, HASH_END))
    for child in (low, high):
        assert child["ParentShardId"] == ZERO and "AdjacentParentShardId" not in child
        assert int(child["SequenceNumberRange"]["StartingSequenceNumber"]) > ending
        assert "EndingSequenceNumber" not in child["SequenceNumberRange"]


def test_a_closed_shards_ending_number_has_the_form_that_aws_gives_it(kinesis, stream):
    split(kinesis, stream, ZERO)
    digits = f"{int(shards(kinesis, stream)[0]['SequenceNumberRange']['EndingSequenceNumber']):x}"
    assert len(digits) == 47 and digits[11:27] == "7fffffffffffffff"


def test_a_merge_closes_both_parents_and_opens_one_child(kinesis, make_stream):
    name = make_stream(shards=2)
    child = merge(kinesis, name, ZERO, ONE)
    low, high, _ = shards(kinesis, name)
    assert hash_range(child) == (0, HASH_END)
    assert child["ParentShardId"] == ZERO and child["AdjacentParentShardId"] == ONE
    for parent in (low, high):
        ending = int(parent["SequenceNumberRange"]["EndingSequenceNumber"])
        assert int(child["SequenceNumberRange"]["StartingSequenceNumber"]) > ending
    assert (
        kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"][
            "OpenShardCount"
        ]
        == 1
    )


def test_records_stay_in_the_parent_and_new_ones_go_to_the_children(kinesis, stream):
    keys = [f"k{n}" for n in range(50)]
    before = [{"Data": b"before", "PartitionKey": k} for k in keys]
    after = [{"Data": b"after", "PartitionKey": k} for k in keys]
    kinesis.put_records(StreamName=stream, Records=before)
    split(kinesis, stream, ZERO)
    put = kinesis.put_records(StreamName=stream, Records=after)
    ranges = {s["ShardId"]: hash_range(s) for s in open_shards(kinesis, stream)}
    for key, entry in zip(keys, put["Records"]):
        low, high = ranges[entry["ShardId"]]
        assert low <= key_hash(key) <= high
    assert [r["PartitionKey"] for r in read_shard(kinesis, stream, ZERO)] == keys
    children = read_shard(kinesis, stream, ONE) + read_shard(kinesis, stream, TWO)
    assert sorted(r["PartitionKey"] for r in children) == sorted(keys)
    assert {r["Data"] for r in children} == {b"after"}


@pytest.mark.parametrize("number", [0, 1, HASH_END])
def test_a_split_must_leave_two_shards(kinesis, stream, number):
    # AWS refuses what is not above one plus the start. Its own words.
    assert refused(
        kinesis.split_shard, StreamName=stream, ShardToSplit=ZERO, NewStartingHashKey=str(number)
    ) == (
        "InvalidArgumentException",
        f"NewStartingHashKey {number} used in SplitShard() on shard {ZERO} in stream {stream} under account {ACCOUNT} "
        f"is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's EndingHashKey {HASH_END}.",
    )


def test_a_split_cannot_be_outside_the_hash_space(kinesis, stream):
    code, words = refused(
        kinesis.split_shard, StreamName=stream, ShardToSplit=ZERO, NewStartingHashKey=str(2**128)
    )
    assert code == "InvalidArgumentException" and str(2**128) in words


def test_the_edges_that_can_be_split_are_split(kinesis, make_stream):
    for number in (2, HASH_END - 1):
        low, high = split(kinesis, make_stream(), ZERO, at=number)
        assert hash_range(low)[1] == number - 1 and hash_range(high)[0] == number


@pytest.mark.parametrize("pair", [(ONE, ZERO), (ZERO, TWO), (ZERO, ZERO), (TWO, ONE)])
def test_only_neighbours_in_order_can_be_merged(kinesis, make_stream, pair):
    name = make_stream(shards=3)
    assert refused(
        kinesis.merge_shards, StreamName=name, ShardToMerge=pair[0], AdjacentShardToMerge=pair[1]
    ) == (
        "InvalidArgumentException",
        f"Shards {pair[0]} and {pair[1]} in stream {name} under account {ACCOUNT} are not an adjacent pair of shards "
        "eligible for merging",
    )


def test_unknown_shards_cannot_be_found(kinesis, stream):
    words = f"Could not find shard shardId-000000000005 in stream {stream} under account {ACCOUNT}."
    assert refused(
        kinesis.split_shard, StreamName=stream, ShardToSplit="5", NewStartingHashKey="5"
    ) == ("ResourceNotFoundException", words)
    for pair in (("5", "0"), ("0", "5")):
        assert refused(
            kinesis.merge_shards,
            StreamName=stream,
            ShardToMerge=pair[0],
            AdjacentShardToMerge=pair[1],
        ) == ("ResourceNotFoundException", words)


def test_a_closed_shard_is_neither_split_nor_merged_again(kinesis, make_stream):
    name = make_stream(shards=2)
    split(kinesis, name, ZERO)
    for call, members in (
        (kinesis.split_shard, {"ShardToSplit": ZERO, "NewStartingHashKey": "5"}),
        (kinesis.merge_shards, {"ShardToMerge": ZERO, "AdjacentShardToMerge": ONE}),
    ):
        code, words = refused(call, StreamName=name, **members)
        assert code in ("InvalidArgumentException", "ResourceInUseException")
        assert words == (
            f"Shard {ZERO} in stream {name} under account {ACCOUNT} has already been merged or split, "
            "and thus is not eligible for merging or splitting."
        )


def test_on_demand_streams_are_not_resharded_by_hand(kinesis, new_name):
    name = new_name()
    kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    wait_active(kinesis, name)
    words = f"Request is invalid. Stream {name} under account {ACCOUNT} is in On-Demand mode."
    assert refused(
        kinesis.split_shard, StreamName=name, ShardToSplit="0", NewStartingHashKey="5"
    ) == ("ValidationException", words)
    assert refused(
        kinesis.merge_shards, StreamName=name, ShardToMerge="0", AdjacentShardToMerge="1"
    ) == ("ValidationException", words)
    kinesis.delete_stream(StreamName=name)


def test_many_generations_keep_the_hash_space_whole(kinesis, stream):
    for _ in range(3):
        for shard in open_shards(kinesis, stream):
            split(kinesis, stream, shard["ShardId"])
    while len(open_shards(kinesis, stream)) > 1:
        low, high = sorted(open_shards(kinesis, stream), key=hash_range)[:2]
        merge(kinesis, stream, low["ShardId"], high["ShardId"])
    all_ = shards(kinesis, stream)
    assert len(all_) == 1 + 2 + 4 + 8 + 7
    assert hash_range(open_shards(kinesis, stream)[0]) == (0, HASH_END)
    ids = [s["ShardId"] for s in all_]
    assert ids == [f"shardId-{n:012d}" for n in range(len(all_))]


def test_writers_notice_nothing_of_a_split_and_a_merge(kinesis, make_stream):
    """Each key's records stay in order over parents and children, and no put fails."""
    name = make_stream(shards=2)
    stop = threading.Event()

    def write(writer):
        numbers, n = [], 0
        while not stop.is_set() or n < 20:
            put = kinesis.put_record(
                StreamName=name, Data=f"{writer}-{n}".encode(), PartitionKey=f"w{writer}"
            )
            numbers.append((int(put["SequenceNumber"]), put["ShardId"], f"{writer}-{n}".encode()))
            n += 1
        return numbers

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        writers = [pool.submit(write, w) for w in range(8)]
        try:
            for _ in range(3):
                first = sorted(open_shards(kinesis, name), key=hash_range)[0]
                low, high = split(kinesis, name, first["ShardId"])
                merge(kinesis, name, low["ShardId"], high["ShardId"])
        finally:
            stop.set()
        expected = [w.result() for w in writers]
    for numbers in expected:
        assert [n for n, _, _ in numbers] == sorted(n for n, _, _ in numbers)
    back = {
        (int(r["SequenceNumber"]), shard, r["Data"])
        for shard, records in read_stream(kinesis, name).items()
        for r in records
    }
    assert back == {one for numbers in expected for one in numbers}
    ends = {
        s["ShardId"]: s["SequenceNumberRange"].get("EndingSequenceNumber")
        for s in shards(kinesis, name)
    }
    for shard, records in read_stream(kinesis, name).items():
        if ends[shard]:
            assert all(int(r["SequenceNumber"]) < int(ends[shard]) for r in records)
