"""test_list.py: ListShards: filters, pages, tokens."""

import time

import pytest

from streams import merge, refused, shards, split, until, wait_active

SHARD = [f"shardId-{n:012d}" for n in range(10)]


def ids(page):
    return [s["ShardId"] for s in page["Shards"]]


def arrival(kinesis, name, shard, key_hash):
    """Puts one record into that shard, once it takes any, and returns its time of arrival."""
    put = kinesis.put_record(
        StreamName=name, Data=b"x", PartitionKey="k", ExplicitHashKey=str(key_hash)
    )
    if put["ShardId"] != shard:
        return None
    at = kinesis.get_shard_iterator(
        StreamName=name,
        ShardId=shard,
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=put["SequenceNumber"],
    )["ShardIterator"]
    return kinesis.get_records(ShardIterator=at)["Records"][0][
        "ApproximateArrivalTimestamp"
    ].timestamp()


@pytest.fixture(scope="module")
def family(kinesis):
    """0 and 1; 0 split to 2 and 3; then 3 and 1 merged to 4. With a time of each age."""
    name = "family"
    kinesis.create_stream(StreamName=name, ShardCount=2)
    wait_active(kinesis, name)
    first = arrival(kinesis, name, SHARD[0], 0)
    until(lambda: time.time() > first + 1.1)  # shard borders are whole seconds
    split(kinesis, name, SHARD[0])
    second = until(lambda: arrival(kinesis, name, SHARD[2], 0))
    until(lambda: time.time() > second + 2.1)
    middle = time.time() - 0.05
    until(lambda: time.time() > middle + 1.1)
    merge(kinesis, name, SHARD[3], SHARD[1])
    until(lambda: arrival(kinesis, name, SHARD[4], 2**128 - 1))
    done = time.time()
    until(lambda: time.time() > done + 2.1)
    yield name, first, middle, time.time() - 0.05
    kinesis.delete_stream(StreamName=name)


def test_without_a_filter_all_are_listed_with_their_members(kinesis, family):
    name = family[0]
    got = kinesis.list_shards(StreamName=name)
    assert ids(got) == SHARD[:5] and "NextToken" not in got
    assert got["Shards"] == kinesis.describe_stream(StreamName=name)["StreamDescription"]["Shards"]


def test_every_filter(kinesis, family):
    name, first, middle, late = family

    def ask(kind, **members):
        return ids(kinesis.list_shards(StreamName=name, ShardFilter={"Type": kind, **members}))

    assert ask("FROM_TRIM_HORIZON") == SHARD[:5]
    assert ask("AT_TRIM_HORIZON") == SHARD[:2]
    assert ask("AT_LATEST") == [SHARD[2], SHARD[4]]
    assert ask("AFTER_SHARD_ID", ShardId=SHARD[1]) == SHARD[2:5]
    assert ask("AFTER_SHARD_ID", ShardId=SHARD[4]) == []
    assert ask("AT_TIMESTAMP", Timestamp=first) == SHARD[:2]
    assert ask("AT_TIMESTAMP", Timestamp=middle) == SHARD[1:4]
    assert ask("AT_TIMESTAMP", Timestamp=late) == [SHARD[2], SHARD[4]]
    assert ask("FROM_TIMESTAMP", Timestamp=first) == SHARD[:5]
    assert ask("FROM_TIMESTAMP", Timestamp=middle) == SHARD[1:5]
    assert ask("FROM_TIMESTAMP", Timestamp=late) == [SHARD[2], SHARD[4]]
    assert ask("FROM_TIMESTAMP", Timestamp=1000000000) == SHARD[:5]


@pytest.mark.parametrize("kind", ["AFTER_SHARD_ID", "AT_TIMESTAMP", "FROM_TIMESTAMP"])
def test_a_filter_without_its_argument_is_refused(kinesis, stream, kind):
    code, _ = refused(kinesis.list_shards, StreamName=stream, ShardFilter={"Type": kind})
    assert code in ("InvalidArgumentException", "ValidationException")


def test_pages_cover_all_once(kinesis, make_stream):
    name = make_stream(shards=10)
    for size in (1, 3, 9, 10, 11):
        page = kinesis.list_shards(StreamName=name, MaxResults=size)
        got = ids(page)
        while "NextToken" in page:
            page = kinesis.list_shards(NextToken=page["NextToken"], MaxResults=size)
            assert len(page["Shards"]) <= size
            got += ids(page)
        assert got == SHARD


def test_a_token_keeps_its_filter(kinesis, family):
    name = family[0]
    page = kinesis.list_shards(StreamName=name, MaxResults=1, ShardFilter={"Type": "AT_LATEST"})
    assert ids(page) == [SHARD[2]]
    page = kinesis.list_shards(NextToken=page["NextToken"])
    assert ids(page) == [SHARD[4]] and "NextToken" not in page


def test_the_paginator_of_boto3_sees_all(kinesis, make_stream):
    """Up to a thousand: for a second page it sends StreamName and NextToken together, which AWS refuses as well."""
    pages = kinesis.get_paginator("list_shards").paginate(StreamName=make_stream(shards=10))
    assert [s["ShardId"] for page in pages for s in page["Shards"]] == SHARD


def test_an_exclusive_start_begins_after_it(kinesis, make_stream):
    name = make_stream(shards=4)
    assert ids(kinesis.list_shards(StreamName=name, ExclusiveStartShardId=SHARD[1])) == SHARD[2:4]
    assert ids(kinesis.list_shards(StreamName=name, ExclusiveStartShardId=SHARD[3])) == []


def test_name_and_token_exclude_each_other_and_one_must_be_there(kinesis, make_stream):
    name = make_stream(shards=2)
    assert refused(kinesis.list_shards) == (
        "InvalidArgumentException",
        "Either NextToken or StreamName should be provided.",
    )
    token = kinesis.list_shards(StreamName=name, MaxResults=1)["NextToken"]
    assert refused(kinesis.list_shards, StreamName=name, NextToken=token) == (
        "InvalidArgumentException",
        "NextToken and StreamName cannot be provided together.",
    )


def test_a_foreign_token_is_refused(kinesis, make_stream):
    token = kinesis.list_shards(StreamName=make_stream(shards=2), MaxResults=1)["NextToken"]
    for bad in (
        "x",
        "AAAA",
        token[:-4],
        "A" + token[1:] if token[0] != "A" else "B" + token[1:],
        "\U0001f600",
    ):
        code, _ = refused(kinesis.list_shards, NextToken=bad)
        assert code in (
            "InvalidArgumentException",
            "ExpiredNextTokenException",
            "ValidationException",
        ), bad


def test_a_thousand_shards_come_in_one_page_and_no_more(kinesis, make_stream):
    name = make_stream(shards=1001)
    page = kinesis.list_shards(StreamName=name)
    assert len(page["Shards"]) == 1000
    rest = kinesis.list_shards(NextToken=page["NextToken"])
    assert ids(rest) == ["shardId-000000001000"]
    assert len(shards(kinesis, name)) == 1001
