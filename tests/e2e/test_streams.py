"""test_streams.py: making, describing and deleting streams."""

import datetime

import pytest

from server import ACCOUNT, REGION
from streams import (
    HASH_END,
    arn,
    client,
    hash_range,
    refused,
    shards,
    status,
    wait_active,
    wait_gone,
)


def test_a_new_stream_is_described_as_aws_describes_it(kinesis, make_stream):
    name = make_stream(shards=2)
    got = kinesis.describe_stream(StreamName=name)["StreamDescription"]
    created = got.pop("StreamCreationTimestamp")
    shards_ = got.pop("Shards")
    assert got == {
        "EncryptionType": "NONE",
        "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
        "HasMoreShards": False,
        "RetentionPeriodHours": 24,
        "StreamARN": arn(name),
        "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        "StreamName": name,
        "StreamStatus": "ACTIVE",
    }
    assert abs((datetime.datetime.now(datetime.timezone.utc) - created).total_seconds()) < 60
    assert [s["ShardId"] for s in shards_] == ["shardId-000000000000", "shardId-000000000001"]
    for shard in shards_:
        assert set(shard) == {"ShardId", "HashKeyRange", "SequenceNumberRange"}
        assert set(shard["SequenceNumberRange"]) == {"StartingSequenceNumber"}


def test_a_summary_counts_instead_of_listing(kinesis, make_stream):
    name = make_stream(shards=3)
    got = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert got["OpenShardCount"] == 3
    assert got["ConsumerCount"] == 0
    assert got["StreamARN"] == arn(name)
    assert got["StreamStatus"] == "ACTIVE"
    assert got["RetentionPeriodHours"] == 24
    assert "Shards" not in got and "KeyId" not in got


@pytest.mark.parametrize("count", [1, 2, 3, 7, 100])
def test_shards_share_the_hash_space_evenly_and_without_a_gap(kinesis, make_stream, count):
    ranges = [hash_range(s) for s in shards(kinesis, make_stream(shards=count))]
    width = 2**128 // count
    assert [low for low, _ in ranges] == [i * width for i in range(count)]
    assert [high for _, high in ranges] == [(i + 1) * width - 1 for i in range(count - 1)] + [
        HASH_END
    ]


def test_first_sequence_numbers_have_the_form_that_aws_gives_them(kinesis, make_stream):
    name = make_stream(shards=3)
    starts = [
        int(s["SequenceNumberRange"]["StartingSequenceNumber"]) for s in shards(kinesis, name)
    ]
    for index, number in enumerate(starts):
        digits = f"{number:x}"
        assert len(str(number)) == 56 and len(digits) == 47
        assert digits[0] == "2" and digits[-1] == "2"
        assert digits[10] == f"{index % 16:x}"
        assert int(digits[11:27], 16) == 0
        assert digits[27:29] == "00"
        assert digits[29:38] == digits[1:10]
        assert int(digits[38:46], 16) == index
    assert {b - a for a, b in zip(starts, starts[1:])} == {
        22300745198530623141535718272648361505980432
    }


def test_a_stream_without_count_and_mode_is_on_demand_with_four_shards(kinesis, new_name):
    name = new_name()
    kinesis.create_stream(StreamName=name)
    wait_active(kinesis, name)
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert summary["OpenShardCount"] == 4
    kinesis.delete_stream(StreamName=name)


def test_a_stream_can_be_named_by_arn_everywhere(kinesis, stream):
    by = {"StreamARN": arn(stream)}
    assert kinesis.describe_stream(**by)["StreamDescription"]["StreamName"] == stream
    assert kinesis.describe_stream_summary(**by)["StreamDescriptionSummary"]["StreamName"] == stream
    put = kinesis.put_record(**by, Data=b"x", PartitionKey="k")
    assert (
        kinesis.put_records(**by, Records=[{"Data": b"y", "PartitionKey": "k"}])[
            "FailedRecordCount"
        ]
        == 0
    )
    assert len(kinesis.list_shards(**by)["Shards"]) == 1
    at = kinesis.get_shard_iterator(**by, ShardId=put["ShardId"], ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    assert [r["Data"] for r in kinesis.get_records(**by, ShardIterator=at)["Records"]] == [
        b"x",
        b"y",
    ]
    kinesis.increase_stream_retention_period(**by, RetentionPeriodHours=48)
    wait_active(kinesis, stream)
    kinesis.decrease_stream_retention_period(**by, RetentionPeriodHours=24)
    wait_active(kinesis, stream)
    kinesis.split_shard(**by, ShardToSplit="0", NewStartingHashKey=str(2**127))
    wait_active(kinesis, stream)
    kinesis.merge_shards(**by, ShardToMerge="1", AdjacentShardToMerge="2")
    wait_active(kinesis, stream)
    kinesis.delete_stream(**by)
    wait_gone(kinesis, stream)


def test_name_and_arn_together_must_agree(kinesis, stream):
    assert kinesis.describe_stream(StreamName=stream, StreamARN=arn(stream))["StreamDescription"]
    code, _ = refused(kinesis.describe_stream, StreamName=stream, StreamARN=arn("another"))
    assert code in ("InvalidArgumentException", "ValidationException", "ResourceNotFoundException")


def test_neither_name_nor_arn_is_refused(kinesis):
    for call in (kinesis.describe_stream, kinesis.describe_stream_summary, kinesis.delete_stream):
        code, _ = refused(call)
        assert code in ("InvalidArgumentException", "ValidationException")


def test_an_unknown_stream_is_not_found_by_name_and_by_arn(kinesis):
    words = f"Stream nobody under account {ACCOUNT} not found."
    hash_key = str(2**127)
    calls = [
        (kinesis.describe_stream, {}),
        (kinesis.describe_stream_summary, {}),
        (kinesis.delete_stream, {}),
        (kinesis.put_record, {"Data": b"x", "PartitionKey": "k"}),
        (kinesis.put_records, {"Records": [{"Data": b"x", "PartitionKey": "k"}]}),
        (kinesis.list_shards, {}),
        (kinesis.split_shard, {"ShardToSplit": "0", "NewStartingHashKey": hash_key}),
        (kinesis.merge_shards, {"ShardToMerge": "0", "AdjacentShardToMerge": "1"}),
        (kinesis.increase_stream_retention_period, {"RetentionPeriodHours": 48}),
        (kinesis.decrease_stream_retention_period, {"RetentionPeriodHours": 24}),
    ]
    for call, members in calls:
        for by in ({"StreamName": "nobody"}, {"StreamARN": arn("nobody")}):
            assert refused(call, **by, **members) == ("ResourceNotFoundException", words), (
                call,
                by,
            )


def test_a_name_is_taken_once(kinesis, stream):
    assert refused(kinesis.create_stream, StreamName=stream, ShardCount=1) == (
        "ResourceInUseException",
        f"Stream {stream} under account {ACCOUNT} already exists.",
    )


def test_the_shard_limit_is_told_in_the_words_of_aws(new_server):
    server = new_server("--shard-limit", "50")
    kinesis = client(server.endpoint)
    kinesis.create_stream(StreamName="three", ShardCount=3)
    wait_active(kinesis, "three")
    assert refused(kinesis.create_stream, StreamName="many", ShardCount=1000) == (
        "LimitExceededException",
        f"This request would exceed the shard limit for the account {ACCOUNT} in {REGION}. Current shard count for "
        "the account: 3. Limit: 50. Number of additional shards that would have resulted from this request: 1000. "
        "Refer to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) "
        "for current limits and how to request higher limits.",
    )
    limits = kinesis.describe_limits()
    assert limits["ShardLimit"] == 50 and limits["OpenShardCount"] == 3
    assert limits["OnDemandStreamCount"] == 0 and limits["OnDemandStreamCountLimit"] == 50
    kinesis.create_stream(StreamName="full", ShardCount=47)
    wait_active(kinesis, "full")
    code, _ = refused(
        kinesis.split_shard, StreamName="three", ShardToSplit="0", NewStartingHashKey="5"
    )
    assert code == "LimitExceededException"


def test_the_on_demand_limit_holds(new_server):
    kinesis = client(new_server("--on-demand-limit", "1").endpoint)
    on_demand = {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}}
    kinesis.create_stream(StreamName="a", **on_demand)
    assert (
        refused(kinesis.create_stream, StreamName="b", **on_demand)[0] == "LimitExceededException"
    )
    assert kinesis.describe_limits()["OnDemandStreamCount"] == 1


def test_a_deleted_stream_is_gone_and_its_name_free(kinesis, make_stream):
    name = make_stream()
    kinesis.put_record(StreamName=name, Data=b"old", PartitionKey="k")
    kinesis.delete_stream(StreamName=name)
    wait_gone(kinesis, name)
    kinesis.create_stream(StreamName=name, ShardCount=1)
    wait_active(kinesis, name)
    at = kinesis.get_shard_iterator(StreamName=name, ShardId="0", ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    assert kinesis.get_records(ShardIterator=at)["Records"] == []


def test_states_last_as_long_as_they_are_told_to(new_server):
    """CREATING, UPDATING and DELETING, each with what AWS refuses and allows in it."""
    kinesis = client(new_server("--state-delay", "1500ms").endpoint)
    missing = f"Stream s under account {ACCOUNT} not found."
    busy = f"Stream s under account {ACCOUNT} not ACTIVE, instead in state "
    kinesis.create_stream(StreamName="s", ShardCount=2)
    assert (
        kinesis.describe_stream(StreamName="s")["StreamDescription"]["StreamStatus"] == "CREATING"
    )
    assert kinesis.describe_stream(StreamName="s")["StreamDescription"]["Shards"] == []
    assert refused(kinesis.put_record, StreamName="s", Data=b"x", PartitionKey="k") == (
        "ResourceNotFoundException",
        missing,
    )
    assert refused(
        kinesis.put_records, StreamName="s", Records=[{"Data": b"x", "PartitionKey": "k"}]
    ) == ("ResourceNotFoundException", missing)
    assert refused(
        kinesis.get_shard_iterator, StreamName="s", ShardId="0", ShardIteratorType="LATEST"
    ) == (
        "ResourceNotFoundException",
        f"Shard shardId-000000000000 in stream s under account {ACCOUNT} does not exist",
    )
    assert refused(
        kinesis.split_shard, StreamName="s", ShardToSplit="0", NewStartingHashKey="5"
    ) == ("ResourceInUseException", busy + "CREATING")
    assert refused(
        kinesis.merge_shards, StreamName="s", ShardToMerge="0", AdjacentShardToMerge="1"
    ) == ("ResourceInUseException", busy + "CREATING")
    wait_active(kinesis, "s")
    kinesis.merge_shards(StreamName="s", ShardToMerge="0", AdjacentShardToMerge="1")
    assert status(kinesis, "s") == "UPDATING"
    assert refused(
        kinesis.split_shard, StreamName="s", ShardToSplit="0", NewStartingHashKey="5"
    ) == ("ResourceInUseException", busy + "UPDATING")
    assert kinesis.put_record(StreamName="s", Data=b"x", PartitionKey="k")["ShardId"] in (
        "shardId-000000000000",
        "shardId-000000000001",
    )
    wait_active(kinesis, "s")
    kinesis.delete_stream(StreamName="s")
    assert status(kinesis, "s") == "DELETING"
    wait_gone(kinesis, "s")
    kinesis.create_stream(StreamName="early", ShardCount=1)
    kinesis.delete_stream(StreamName="early")
    assert status(kinesis, "early") in ("DELETING", None)
    wait_gone(kinesis, "early")


def test_streams_are_listed_in_order_and_in_pages(new_server):
    kinesis = client(new_server().endpoint)
    names = sorted(f"s-{n}" for n in range(105))
    for name in names:
        kinesis.create_stream(StreamName=name, ShardCount=1)
    first = kinesis.list_streams()
    assert first["StreamNames"] == names[:100] and first["HasMoreStreams"] is True
    assert len(kinesis.list_streams(Limit=10000)["StreamNames"]) == 100
    rest = kinesis.list_streams(NextToken=first["NextToken"])
    assert (
        rest["StreamNames"] == names[100:]
        and rest["HasMoreStreams"] is False
        and "NextToken" not in rest
    )
    after = kinesis.list_streams(ExclusiveStartStreamName=names[49], Limit=7)
    assert after["StreamNames"] == names[50:57] and after["HasMoreStreams"] is True
    assert kinesis.list_streams(ExclusiveStartStreamName="zzz")["StreamNames"] == []
    pages = kinesis.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 25})
    assert [n for page in pages for n in page["StreamNames"]] == names
    for name, one in zip(names, first["StreamSummaries"]):
        assert one.pop("StreamCreationTimestamp")
        assert one.pop("StreamStatus") in ("CREATING", "ACTIVE")
        assert one == {
            "StreamName": name,
            "StreamARN": arn(name),
            "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        }
    assert kinesis.list_streams(ExclusiveStartStreamName=names[-2])["StreamNames"] == names[-1:]


def test_an_empty_server_lists_no_streams(new_server):
    got = client(new_server().endpoint).list_streams()
    assert got["StreamNames"] == [] and got["HasMoreStreams"] is False


def test_describe_stream_pages_by_shard_id(kinesis, make_stream):
    name = make_stream(shards=5)
    one = kinesis.describe_stream(StreamName=name, Limit=2)["StreamDescription"]
    assert one["HasMoreShards"] is True
    assert [s["ShardId"][-1] for s in one["Shards"]] == ["0", "1"]
    two = kinesis.describe_stream(StreamName=name, ExclusiveStartShardId="shardId-000000000001")[
        "StreamDescription"
    ]
    assert two["HasMoreShards"] is False
    assert [s["ShardId"][-1] for s in two["Shards"]] == ["2", "3", "4"]
    pages = kinesis.get_paginator("describe_stream").paginate(
        StreamName=name, PaginationConfig={"PageSize": 2}
    )
    assert [s["ShardId"][-1] for p in pages for s in p["StreamDescription"]["Shards"]] == list(
        "01234"
    )


def test_describe_stream_shows_a_hundred_shards_at_most(kinesis, make_stream):
    name = make_stream(shards=101)
    got = kinesis.describe_stream(StreamName=name, Limit=10000)["StreamDescription"]
    assert len(got["Shards"]) == 100 and got["HasMoreShards"] is True


def test_the_maximum_record_size_is_kept_and_shown(kinesis, make_stream):
    name = make_stream(MaxRecordSizeInKiB=2048)
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["MaxRecordSizeInKiB"] == 2048


def test_account_and_region_are_settings(new_server):
    server = new_server("--account-id", "123456789012", "--region", "eu-central-1")
    kinesis = client(server.endpoint, region="eu-central-1")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    wait_active(kinesis, "s")
    got = kinesis.describe_stream(StreamName="s")["StreamDescription"]["StreamARN"]
    assert got == "arn:aws:kinesis:eu-central-1:123456789012:stream/s"
    assert (
        refused(kinesis.describe_stream, StreamName="t")[1]
        == "Stream t under account 123456789012 not found."
    )


def test_the_waiters_of_boto3_come_back(kinesis, make_stream):
    name = make_stream()
    quick = {"Delay": 1, "MaxAttempts": 20}
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig=quick)
    kinesis.delete_stream(StreamName=name)
    kinesis.get_waiter("stream_not_exists").wait(StreamName=name, WaiterConfig=quick)


def test_many_make_the_same_stream_and_one_wins(kinesis, new_name):
    import concurrent.futures

    name = new_name()

    def make(_):
        try:
            kinesis.create_stream(StreamName=name, ShardCount=1)
            return "made"
        except kinesis.exceptions.ResourceInUseException:
            return "taken"

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(make, range(16))) == ["made"] + ["taken"] * 15
    wait_active(kinesis, name)
    kinesis.delete_stream(StreamName=name)
