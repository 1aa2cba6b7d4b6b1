"""test_read.py: the five kinds of iterators, and GetRecords."""

import base64
import datetime
import json
import time

import pytest

from server import ACCOUNT
from streams import drain, iterator, merge, read_shard, refused, shards, split, until, wait_gone
from wire import call

SHARD = "shardId-000000000000"


@pytest.fixture
def filled(kinesis, stream):
    """A stream of one shard with ten records, at ten different times."""
    numbers = []
    for n in range(10):
        numbers.append(
            kinesis.put_record(StreamName=stream, Data=str(n).encode(), PartitionKey="k")[
                "SequenceNumber"
            ]
        )
        time.sleep(0.003)  # records must have times of their own
    return stream, numbers


def data(records):
    return [int(r["Data"]) for r in records]


def test_the_five_kinds_begin_where_they_should(kinesis, filled):
    name, numbers = filled
    read = lambda kind, **m: data(read_shard(kinesis, name, SHARD, kind, **m))
    assert read("TRIM_HORIZON") == list(range(10))
    assert read("AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[4]) == list(range(4, 10))
    assert read("AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[4]) == list(range(5, 10))
    assert read("AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[9]) == []
    assert read("LATEST") == []


def test_at_timestamp_begins_with_the_first_record_at_or_after(kinesis, filled):
    name, _ = filled
    records = read_shard(kinesis, name, SHARD)
    times = [r["ApproximateArrivalTimestamp"] for r in records]
    assert times == sorted(times) and len(set(times)) > 1
    for at in times:
        got = read_shard(kinesis, name, SHARD, "AT_TIMESTAMP", Timestamp=at.timestamp())
        assert data(got) == [n for n in range(10) if times[n] >= at]
    between = times[3].timestamp() + 0.0005
    got = read_shard(kinesis, name, SHARD, "AT_TIMESTAMP", Timestamp=between)
    assert data(got) == [n for n in range(10) if times[n].timestamp() > between]


def test_at_timestamp_takes_old_times_and_present_ones(server, kinesis, filled):
    name, _ = filled
    assert data(
        read_shard(kinesis, name, SHARD, "AT_TIMESTAMP", Timestamp=datetime.datetime(2015, 1, 1))
    ) == list(range(10))
    time.sleep(0.01)  # the present must be later than the last record
    assert read_shard(kinesis, name, SHARD, "AT_TIMESTAMP", Timestamp=time.time()) == []
    body = (
        '{"StreamName":"%s","ShardId":"0","ShardIteratorType":"AT_TIMESTAMP","Timestamp":1.547993531819E9}'
        % name
    )
    assert call(server, "GetShardIterator", body.encode())[0] == 200


def test_at_timestamp_refuses_the_future_and_nothing(kinesis, stream):
    future = int(time.time()) + 3600
    code, words = refused(
        kinesis.get_shard_iterator,
        StreamName=stream,
        ShardId=SHARD,
        ShardIteratorType="AT_TIMESTAMP",
        Timestamp=future,
    )
    assert code == "InvalidArgumentException"
    assert words.startswith(
        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
        f"timestampInMillis: {future * 1000}, currentTimestampInMillis: "
    )
    assert refused(
        kinesis.get_shard_iterator,
        StreamName=stream,
        ShardId=SHARD,
        ShardIteratorType="AT_TIMESTAMP",
    ) == (
        "InvalidArgumentException",
        "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. "
        "Current request has no timestamp parameter.",
    )


@pytest.mark.parametrize("kind", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
def test_a_sequence_number_must_be_given_where_one_is_needed(kinesis, stream, kind):
    assert refused(
        kinesis.get_shard_iterator, StreamName=stream, ShardId=SHARD, ShardIteratorType=kind
    ) == (
        "InvalidArgumentException",
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or "
        "(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "
        f"Request specified {kind} and no StartingSequenceNumber.",
    )


@pytest.mark.parametrize("kind", ["LATEST", "TRIM_HORIZON"])
def test_a_sequence_number_must_not_be_given_where_none_is_needed(kinesis, filled, kind):
    name, numbers = filled
    assert refused(
        kinesis.get_shard_iterator,
        StreamName=name,
        ShardId=SHARD,
        ShardIteratorType=kind,
        StartingSequenceNumber=numbers[0],
    ) == (
        "InvalidArgumentException",
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or "
        "(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "
        f"Request specified {kind} and also a StartingSequenceNumber.",
    )


def test_a_shards_own_starting_number_can_be_used(kinesis, filled):
    name, _ = filled
    start = shards(kinesis, name)[0]["SequenceNumberRange"]["StartingSequenceNumber"]
    for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        assert data(read_shard(kinesis, name, SHARD, kind, StartingSequenceNumber=start)) == list(
            range(10)
        )


def test_a_number_of_another_shard_is_named(kinesis, make_stream):
    name = make_stream(shards=6)
    all_ = shards(kinesis, name)
    number = all_[5]["SequenceNumberRange"]["StartingSequenceNumber"]
    assert refused(
        kinesis.get_shard_iterator,
        StreamName=name,
        ShardId=SHARD,
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=number,
    ) == (
        "InvalidArgumentException",
        "Invalid StartingSequenceNumber. It encodes shardId-000000000005, while it was used in a call to a shard "
        "with shardId-000000000000",
    )


@pytest.mark.parametrize("number", ["9" * 56, "1" * 56, str(2**185 + 3), "9" * 129])
def test_an_impossible_sequence_number_is_refused(kinesis, stream, number):
    code, words = refused(
        kinesis.get_shard_iterator,
        StreamName=stream,
        ShardId=SHARD,
        ShardIteratorType="AFTER_SEQUENCE_NUMBER",
        StartingSequenceNumber=number,
    )
    assert code == "InvalidArgumentException"
    assert words.startswith("Invalid StartingSequenceNumber. It encodes ") or words.startswith(
        f"StartingSequenceNumber {number} used in GetShardIterator on shard {SHARD} in stream {stream} "
        f"under account {ACCOUNT} is invalid."
    )


def test_a_number_of_an_older_stream_is_refused(kinesis, make_stream):
    """A stream of another second: its numbers encode another creation time."""
    old = make_stream()
    number = kinesis.put_record(StreamName=old, Data=b"x", PartitionKey="k")["SequenceNumber"]
    start = lambda n: shards(kinesis, n)[0]["SequenceNumberRange"]["StartingSequenceNumber"]

    def another_second():
        young = make_stream()
        return young if start(young) != start(old) else None

    young = until(another_second, 10, "a stream of another second")
    code, words = refused(
        kinesis.get_shard_iterator,
        StreamName=young,
        ShardId=SHARD,
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=number,
    )
    assert code == "InvalidArgumentException"
    assert words == (
        f"StartingSequenceNumber {number} used in GetShardIterator on shard {SHARD} in stream {young} "
        f"under account {ACCOUNT} is invalid because it did not come from this stream."
    )


@pytest.mark.parametrize(
    "shard", ["0", "shardId-0", "anything-0", "-00000", "shardId-000000000000", "0000"]
)
def test_shard_ids_are_read_leniently(kinesis, filled, shard):
    name, _ = filled
    assert data(read_shard(kinesis, name, shard)) == list(range(10))


@pytest.mark.parametrize(
    "shard", ["ABKLFD8", "2.14E4", "2147483648", "shardId-99999999999999999999", "shardId-"]
)
def test_what_is_no_shard_id_cannot_be_found_even_without_a_stream(kinesis, stream, shard):
    for name in (stream, "nobody"):
        assert refused(
            kinesis.get_shard_iterator, StreamName=name, ShardId=shard, ShardIteratorType="LATEST"
        ) == (
            "ResourceNotFoundException",
            f"Could not find shard {shard} in stream {name} under account {ACCOUNT}.",
        )


def test_a_shard_that_does_not_exist_is_told_in_its_full_form(kinesis, stream):
    for name in (stream, "nobody"):
        assert refused(
            kinesis.get_shard_iterator, StreamName=name, ShardId="5", ShardIteratorType="LATEST"
        ) == (
            "ResourceNotFoundException",
            f"Shard shardId-000000000005 in stream {name} under account {ACCOUNT} does not exist",
        )


def test_latest_is_fixed_when_the_iterator_is_made(kinesis, filled):
    name, _ = filled
    at = iterator(kinesis, name, SHARD, "LATEST")
    kinesis.put_record(StreamName=name, Data=b"10", PartitionKey="k")
    kinesis.put_record(StreamName=name, Data=b"11", PartitionKey="k")
    assert data(kinesis.get_records(ShardIterator=at)["Records"]) == [10, 11]
    assert data(kinesis.get_records(ShardIterator=at)["Records"]) == [10, 11]


def test_records_have_the_members_that_aws_gives_them(server, filled, kinesis):
    name, numbers = filled
    status, got = call(
        server, "GetRecords", {"ShardIterator": iterator(kinesis, name, SHARD), "Limit": 1}
    )
    assert status == 200 and set(got) == {"Records", "NextShardIterator", "MillisBehindLatest"}
    record = got["Records"][0]
    assert set(record) == {"SequenceNumber", "ApproximateArrivalTimestamp", "Data", "PartitionKey"}
    assert record["SequenceNumber"] == numbers[0] and record["Data"] == "MA=="
    assert isinstance(record["ApproximateArrivalTimestamp"], (int, float))
    assert abs(record["ApproximateArrivalTimestamp"] - time.time()) < 60


def test_a_limit_cuts_and_the_next_iterator_goes_on(kinesis, filled):
    name, _ = filled
    for limit in (1, 3, 9, 10, 10000):
        at, got, behind = iterator(kinesis, name, SHARD), [], []
        while len(got) < 10:
            page = kinesis.get_records(ShardIterator=at, Limit=limit)
            assert len(page["Records"]) <= limit
            got += data(page["Records"])
            behind.append(page["MillisBehindLatest"])
            at = page["NextShardIterator"]
        assert got == list(range(10))
        assert behind[-1] == 0 and all(b > 0 for b in behind[:-1])


def test_every_answer_gives_a_new_iterator_and_old_ones_stay_good(kinesis, filled):
    name, _ = filled
    at = iterator(kinesis, name, SHARD, "LATEST")
    seen = {at}
    for _ in range(5):
        page = kinesis.get_records(ShardIterator=at)
        assert page["Records"] == [] and page["MillisBehindLatest"] == 0
        at = page["NextShardIterator"]
        assert at not in seen
        seen.add(at)
    kinesis.put_record(StreamName=name, Data=b"10", PartitionKey="k")
    for old in seen:
        assert data(kinesis.get_records(ShardIterator=old)["Records"]) == [10]


def test_an_iterator_has_the_shape_that_aws_gives_it(kinesis, filled):
    name, _ = filled
    for kind in ("TRIM_HORIZON", "LATEST"):
        text = iterator(kinesis, name, SHARD, kind)
        raw = base64.b64decode(text, validate=True)
        assert base64.b64encode(raw).decode() == text
        assert raw[:8] == bytes(7) + b"\1"
        assert len(raw) % 16 == 8 and 152 <= len(raw) <= 280


def test_an_iterator_may_come_in_quotes(kinesis, filled):
    name, _ = filled
    at = iterator(kinesis, name, SHARD)
    assert len(kinesis.get_records(ShardIterator=json.dumps(at))["Records"]) == 10


def tampered(text):
    raw = bytearray(base64.b64decode(text))
    for place in (0, 7, 8, 20, len(raw) // 2, len(raw) - 1):
        changed = bytearray(raw)
        changed[place] ^= 1
        yield base64.b64encode(changed).decode()
    yield base64.b64encode(raw[:-16]).decode()
    yield base64.b64encode(raw + bytes(16)).decode()
    yield text[:-1]
    yield "x"
    yield "AAAA"
    yield "not base64 at all!"
    yield base64.b64encode(bytes(7) + b"\1" + bytes(160)).decode()
    yield "\U0001f600" * 100


def test_a_changed_or_foreign_iterator_is_invalid(kinesis, filled):
    name, _ = filled
    for text in tampered(iterator(kinesis, name, SHARD)):
        assert refused(kinesis.get_records, ShardIterator=text) == (
            "InvalidArgumentException",
            "Invalid ShardIterator.",
        ), text


def test_an_iterator_of_another_server_is_invalid(kinesis, new_server, filled):
    from streams import client, wait_active

    other = client(new_server().endpoint)
    other.create_stream(StreamName="s", ShardCount=1)
    wait_active(other, "s")
    text = iterator(other, "s", SHARD)
    assert refused(kinesis.get_records, ShardIterator=text) == (
        "InvalidArgumentException",
        "Invalid ShardIterator.",
    )


def test_an_iterator_of_a_deleted_stream_finds_nothing(kinesis, make_stream):
    name = make_stream()
    at = iterator(kinesis, name, SHARD)
    kinesis.delete_stream(StreamName=name)
    wait_gone(kinesis, name)
    assert refused(kinesis.get_records, ShardIterator=at)[0] == "ResourceNotFoundException"
    kinesis.create_stream(StreamName=name, ShardCount=1)
    assert refused(kinesis.get_records, ShardIterator=at)[0] == "ResourceNotFoundException"


def test_an_answer_holds_ten_mebibytes_at_most(kinesis, stream):
    piece = bytes(1 << 20)[: (1 << 20) - 8]
    for n in range(12):
        kinesis.put_record(StreamName=stream, Data=piece, PartitionKey=f"k{n}")
    page = kinesis.get_records(ShardIterator=iterator(kinesis, stream, SHARD))
    size = sum(len(r["Data"]) for r in page["Records"])
    assert 0 < size <= 10 << 20
    assert page["MillisBehindLatest"] > 0
    rest, _ = drain(kinesis, page["NextShardIterator"])
    assert len(page["Records"]) + len(rest) == 12


def test_ten_thousand_records_and_no_more_come_in_one_answer(kinesis, stream):
    for _ in range(21):
        kinesis.put_records(StreamName=stream, Records=[{"Data": b"x", "PartitionKey": "k"}] * 500)
    at = iterator(kinesis, stream, SHARD)
    got = []
    while at:
        page = kinesis.get_records(ShardIterator=at)
        assert len(page["Records"]) <= 10000
        got += page["Records"]
        at = page["NextShardIterator"] if page["MillisBehindLatest"] else None
    numbers = [int(r["SequenceNumber"]) for r in got]
    assert len(numbers) == 10500 and numbers == sorted(set(numbers))


def test_a_closed_shard_ends_and_names_its_children(kinesis, filled):
    name, numbers = filled
    children = split(kinesis, name, SHARD)
    records, last = drain(kinesis, iterator(kinesis, name, SHARD))
    assert data(records) == list(range(10))
    assert "NextShardIterator" not in last and last["MillisBehindLatest"] == 0
    assert sorted(c["ShardId"] for c in last["ChildShards"]) == [c["ShardId"] for c in children]
    for child in last["ChildShards"]:
        assert child["ParentShards"] == [SHARD]
        assert child["HashKeyRange"] in [c["HashKeyRange"] for c in children]
    after = iterator(
        kinesis, name, SHARD, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[9]
    )
    assert drain(kinesis, after)[0] == []
    latest = iterator(kinesis, name, SHARD, "LATEST")
    records, last = drain(kinesis, latest)
    assert records == [] and "NextShardIterator" not in last


def test_both_parents_of_a_merge_name_the_child(kinesis, make_stream):
    name = make_stream(shards=2)
    child = merge(kinesis, name, SHARD, "shardId-000000000001")
    for parent in (SHARD, "shardId-000000000001"):
        _, last = drain(kinesis, iterator(kinesis, name, parent))
        assert [c["ShardId"] for c in last["ChildShards"]] == [child["ShardId"]]
        assert sorted(last["ChildShards"][0]["ParentShards"]) == [SHARD, "shardId-000000000001"]


def test_the_ending_number_of_a_closed_shard_cannot_be_read_after(kinesis, filled):
    name, _ = filled
    split(kinesis, name, SHARD)
    ending = shards(kinesis, name)[0]["SequenceNumberRange"]["EndingSequenceNumber"]
    assert refused(
        kinesis.get_shard_iterator,
        StreamName=name,
        ShardId=SHARD,
        ShardIteratorType="AFTER_SEQUENCE_NUMBER",
        StartingSequenceNumber=ending,
    ) == (
        "InvalidArgumentException",
        "Invalid SequenceNumber for ShardIteratorType AFTER_SEQUENCE_NUMBER, SequenceNumber has reached max possible "
        "value for the shard.",
    )


def test_a_reader_at_the_tip_sees_each_record_as_it_comes(kinesis, stream):
    at = iterator(kinesis, stream, SHARD, "LATEST")
    for n in range(20):
        kinesis.put_record(StreamName=stream, Data=str(n).encode(), PartitionKey="k")
        page = kinesis.get_records(ShardIterator=at)
        assert data(page["Records"]) == [n], "what is acknowledged is readable"
        at = page["NextShardIterator"]
