"""test_reshape.py: UpdateShardCount, UpdateStreamMode, UpdateStreamWarmThroughput, UpdateMaxRecordSize, enhanced monitoring, and on-demand
streams that scale; with writers running, and kills in the middle."""

import concurrent.futures
import contextlib
import threading

import botocore.exceptions
import pytest

from server import ACCOUNT
from streams import (
    HASH_END,
    arn,
    client,
    hash_range,
    open_shards,
    read_shard,
    refused,
    shards,
    status,
    until,
    wait_active,
)
from test_metrics import scrape

ALL = [
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
]


def recount(kinesis, name, target):
    return kinesis.update_shard_count(
        StreamName=name, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
    )


def summary(kinesis, name):
    return kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]


def open_count(kinesis, name):
    return summary(kinesis, name)["OpenShardCount"]


def assert_even(kinesis, name, count):
    """The open shards cover all keys without gap or overlap, each its even share to a thousandth."""
    ranges = sorted(map(hash_range, open_shards(kinesis, name)))
    assert len(ranges) == count
    assert ranges[0][0] == 0 and ranges[-1][1] == HASH_END
    share = 2**128 // count
    for place, (low, high) in enumerate(ranges):
        assert abs(low - share * place) <= share // 1000
        assert place == 0 or low == ranges[place - 1][1] + 1


def assert_lineage(kinesis, name):
    """Every child's numbers are above its parents', and its keys are theirs."""
    by_id = {s["ShardId"]: s for s in shards(kinesis, name)}
    for child in by_id.values():
        parents = [
            by_id[child[k]] for k in ("ParentShardId", "AdjacentParentShardId") if k in child
        ]
        for parent in parents:
            assert int(parent["SequenceNumberRange"]["EndingSequenceNumber"]) < int(
                child["SequenceNumberRange"]["StartingSequenceNumber"]
            )
        if parents:
            lows, highs = zip(*map(hash_range, parents))
            low, high = hash_range(child)
            assert min(lows) <= low <= high <= max(highs)


@contextlib.contextmanager
def writers(endpoint, name, count=4):
    """Writers that put 0, 1, 2, ... each under keys of their own, and what was acknowledged: {key: [(number, sequence number)]}. A put that
    fails because the server died is not counted as acknowledged; it is the writer's last."""
    stop, acknowledged, failures = threading.Event(), {}, []

    def write(writer):
        kinesis = client(endpoint)
        n = 0
        while not stop.is_set():
            records = [
                {"Data": str(n).encode(), "PartitionKey": f"w{writer}-{k}"} for k in range(8)
            ]
            try:
                put = kinesis.put_records(StreamName=name, Records=records)
            except botocore.exceptions.BotoCoreError:
                return  # the server was killed
            if put["FailedRecordCount"]:
                failures.append(put)
                return
            for record, entry in zip(records, put["Records"]):
                acknowledged.setdefault(record["PartitionKey"], []).append(
                    (n, int(entry["SequenceNumber"]))
                )
            n += 1

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        running = [pool.submit(write, w) for w in range(count)]
        try:
            until(lambda: len(acknowledged) == 8 * count, words="each writer's first put")
            yield acknowledged
        finally:
            stop.set()
            for one in running:
                one.result()
    assert not failures, failures[0]


def assert_in_order(kinesis, name, acknowledged):
    """A reader who finishes parents first finds every key's records in the order in which they were put, all of them."""
    seen = {}
    for shard in sorted(shards(kinesis, name), key=lambda s: s["ShardId"]):  # parents first
        for record in read_shard(kinesis, name, shard["ShardId"]):
            if record["PartitionKey"] not in acknowledged:
                continue
            seen.setdefault(record["PartitionKey"], []).append(
                (int(record["Data"]), int(record["SequenceNumber"]))
            )
    assert acknowledged
    for key, puts in acknowledged.items():
        assert seen[key][: len(puts)] == puts
        assert len(seen[key]) <= len(puts) + 1  # one may be stored and not acknowledged (a kill)
        assert [s for _, s in seen[key]] == sorted(s for _, s in seen[key])


# ---- UpdateShardCount


@pytest.mark.parametrize(
    "before,after,made", [(2, 4, 6), (4, 5, 15), (4, 2, 6), (4, 3, 11), (3, 6, 9), (10, 20, 30)]
)
def test_as_many_shards_are_made_as_on_aws(kinesis, make_stream, before, after, made):
    name = make_stream(shards=before)
    answer = recount(kinesis, name, after)
    del answer["ResponseMetadata"]
    assert answer == {
        "StreamName": name,
        "CurrentShardCount": before,
        "TargetShardCount": after,
        "StreamARN": arn(name),
    }
    wait_active(kinesis, name)
    assert_even(kinesis, name, after)
    assert_lineage(kinesis, name)
    assert len(shards(kinesis, name)) == made


def test_four_shards_brought_to_three_leave_those_open_that_aws_leaves(kinesis, make_stream):
    name = make_stream(shards=4)
    recount(kinesis, name, 3)
    wait_active(kinesis, name)
    ids = {s["ShardId"] for s in open_shards(kinesis, name)}
    assert ids == {f"shardId-{n:012d}" for n in (6, 9, 10)}


@pytest.mark.parametrize("count,target", [(2, 5), (5, 2)])
def test_a_recount_goes_to_double_or_half_at_most(kinesis, make_stream, count, target):
    name = make_stream(shards=count)
    how = "up over double" if target > count else "down below half"
    assert refused(
        kinesis.update_shard_count,
        StreamName=name,
        TargetShardCount=target,
        ScalingType="UNIFORM_SCALING",
    ) == (
        "LimitExceededException",
        f"UpdateShardCount cannot scale {how} your current open shard count. "
        f"Current open shard count: {count} Target shard count: {target}",
    )


def test_an_uneven_stream_becomes_even(kinesis, make_stream):
    name = make_stream(shards=1)
    for at in (2, 1000, 2**64, 2**120):  # crowded at one end
        last = max(open_shards(kinesis, name), key=hash_range)["ShardId"]
        kinesis.split_shard(StreamName=name, ShardToSplit=last, NewStartingHashKey=str(at))
        wait_active(kinesis, name)
    recount(kinesis, name, 5)
    wait_active(kinesis, name)
    assert_even(kinesis, name, 5)
    assert_lineage(kinesis, name)


def test_writers_notice_nothing_of_recounts(server, kinesis, make_stream):
    name = make_stream(shards=4)
    with writers(server.endpoint, name) as acknowledged:
        for target in (7, 13, 9, 5, 10, 20, 11):
            recount(kinesis, name, target)
            wait_active(kinesis, name)
            assert_even(kinesis, name, target)
    assert_in_order(kinesis, name, acknowledged)


def test_while_it_runs_the_stream_is_updating(new_server):
    server = new_server("--state-delay", "300ms")
    kinesis = client(server.endpoint)
    kinesis.create_stream(StreamName="s", ShardCount=2)
    wait_active(kinesis, "s")
    recount(kinesis, "s", 4)
    assert status(kinesis, "s") == "UPDATING"
    code, words = refused(
        kinesis.update_shard_count,
        StreamName="s",
        TargetShardCount=3,
        ScalingType="UNIFORM_SCALING",
    )
    assert (code, words) == (
        "ResourceInUseException",
        f"Stream s under account {ACCOUNT} not ACTIVE, instead in state UPDATING",
    )
    wait_active(kinesis, "s")
    assert open_count(kinesis, "s") == 4


@pytest.mark.parametrize("made", [1, 7, 25])
def test_a_recount_killed_in_the_middle_comes_to_its_end(new_server, made):
    """Killed when so many shards more are open, with writers running; then killed again, a little later."""
    server = new_server()
    kinesis = client(server.endpoint)
    kinesis.create_stream(StreamName="s", ShardCount=30)
    wait_active(kinesis, "s")
    with writers(server.endpoint, "s") as acknowledged:
        recount(kinesis, "s", 60)
        until(lambda: open_count(kinesis, "s") >= 30 + made)
        server.restart(kill=True)
    until(lambda: open_count(kinesis, "s") >= 30 + made + 3)
    server.restart(kill=True)
    wait_active(kinesis, "s")
    assert_even(kinesis, "s", 60)
    assert_lineage(kinesis, "s")
    assert len(shards(kinesis, "s")) == 90
    assert_in_order(kinesis, "s", acknowledged)


# ---- mode, warm throughput, record size


def test_a_stream_changes_its_mode(kinesis, make_stream):
    name = make_stream(shards=2)
    kinesis.update_stream_mode(
        StreamARN=arn(name), StreamModeDetails={"StreamMode": "ON_DEMAND"}, WarmThroughputMiBps=2
    )
    wait_active(kinesis, name)
    now = summary(kinesis, name)
    assert now["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"} and now["OpenShardCount"] == 2
    assert now["WarmThroughput"] == {"TargetMiBps": 2, "CurrentMiBps": 2}
    assert refused(
        kinesis.update_shard_count,
        StreamName=name,
        TargetShardCount=4,
        ScalingType="UNIFORM_SCALING",
    ) == (
        "ValidationException",
        f"Request is invalid. Stream {name} under account {ACCOUNT} is in On-Demand mode.",
    )
    kinesis.update_stream_mode(
        StreamARN=arn(name), StreamModeDetails={"StreamMode": "PROVISIONED"}
    )
    assert "WarmThroughput" not in summary(kinesis, name)
    code, _ = refused(
        kinesis.update_stream_mode,
        StreamARN=arn(name),
        StreamModeDetails={"StreamMode": "ON_DEMAND"},
    )
    assert code == "LimitExceededException"


def test_more_on_demand_streams_than_allowed_are_refused(new_server):
    server = new_server("--on-demand-limit", "1")
    kinesis = client(server.endpoint)
    kinesis.create_stream(StreamName="one")
    kinesis.create_stream(StreamName="two", ShardCount=1)
    wait_active(kinesis, "two")
    code, words = refused(
        kinesis.update_stream_mode,
        StreamARN=arn("two"),
        StreamModeDetails={"StreamMode": "ON_DEMAND"},
    )
    assert code == "LimitExceededException" and "on-demand stream" in words


def test_warm_throughput_makes_shards(kinesis, new_name):
    name = new_name()
    kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    wait_active(kinesis, name)
    answer = kinesis.update_stream_warm_throughput(StreamName=name, WarmThroughputMiBps=9)
    assert answer["WarmThroughput"] == {"TargetMiBps": 9, "CurrentMiBps": 4}
    assert (answer["StreamName"], answer["StreamARN"]) == (name, arn(name))
    until(lambda: open_count(kinesis, name) == 9)
    wait_active(kinesis, name)
    assert summary(kinesis, name)["WarmThroughput"] == {"TargetMiBps": 9, "CurrentMiBps": 9}
    kinesis.delete_stream(StreamName=name)


def test_the_largest_record_changes_at_once(kinesis, make_stream):
    name = make_stream()
    large = b"x" * (5 * 2**20)
    small = {"Data": b"y", "PartitionKey": "k"}
    put = {"StreamName": name, "Data": large, "PartitionKey": "k"}
    assert refused(kinesis.put_record, **put)[0] == "InvalidArgumentException"
    kinesis.update_max_record_size(StreamARN=arn(name), MaxRecordSizeInKiB=10240)
    wait_active(kinesis, name)
    assert kinesis.put_record(**put)["ShardId"]
    assert summary(kinesis, name)["MaxRecordSizeInKiB"] == 10240
    kinesis.update_max_record_size(StreamARN=arn(name), MaxRecordSizeInKiB=1024)
    wait_active(kinesis, name)
    records = [small, {"Data": large, "PartitionKey": "k"}, small]
    answer = kinesis.put_records(StreamName=name, Records=records)
    assert answer["FailedRecordCount"] == 1
    assert answer["Records"][1]["ErrorCode"] == "InvalidArgumentException"
    back = read_shard(kinesis, name, "shardId-000000000000")
    assert [len(r["Data"]) for r in back] == [len(large), 1, 1]  # what was put stays


# ---- enhanced monitoring


def test_enhanced_monitoring_feeds_the_metrics_page(new_server):
    server = new_server()
    kinesis = client(server.endpoint)
    kinesis.create_stream(StreamName="s", ShardCount=2)
    kinesis.create_stream(StreamName="t", ShardCount=1)
    for name in "st":
        wait_active(kinesis, name)
        kinesis.put_record(StreamName=name, Data=b"x" * 99, PartitionKey="k")  # to s's shard 1
    answer = kinesis.enable_enhanced_monitoring(
        StreamName="s", ShardLevelMetrics=["IncomingBytes", "OutgoingRecords"]
    )
    assert answer["CurrentShardLevelMetrics"] == []
    assert answer["DesiredShardLevelMetrics"] == ["IncomingBytes", "OutgoingRecords"]
    assert answer["StreamName"] == "s" and answer["StreamARN"] == arn("s")
    read_shard(kinesis, "s", "shardId-000000000001")
    samples, _ = scrape(server)
    of = lambda n: '{account="000000000000",region="us-east-1",stream="s",shard="shardId-%012d"}' % n
    assert samples["kinesis_shard_incoming_bytes_total" + of(1)] == 100
    assert samples["kinesis_shard_incoming_bytes_total" + of(0)] == 0
    assert samples["kinesis_shard_outgoing_records_total" + of(1)] == 1
    assert not [n for n in samples if n.startswith("kinesis_shard_") and 'stream="t"' in n]
    assert not [n for n in samples if n.startswith("kinesis_shard_incoming_records")]
    for name in "st":
        assert samples['kinesis_stream_incoming_bytes_total{account="000000000000",region="us-east-1",stream="%s"}' % name] == 100
    answer = kinesis.enable_enhanced_monitoring(StreamName="s", ShardLevelMetrics=["ALL"])
    assert answer["DesiredShardLevelMetrics"] == ALL
    server.restart(kill=True)
    described = kinesis.describe_stream(StreamName="s")["StreamDescription"]
    assert described["EnhancedMonitoring"] == [{"ShardLevelMetrics": ALL}]
    assert "kinesis_shard_iterator_age_milliseconds" + of(0) in scrape(server)[0]
    kinesis.disable_enhanced_monitoring(StreamName="s", ShardLevelMetrics=["ALL"])
    assert not [n for n in scrape(server)[0] if n.startswith("kinesis_shard_")]


# ---- on-demand streams


def test_an_on_demand_stream_grows_under_load_and_shrinks_after_it(new_server):
    """With a window of half a second instead of a minute; order holds across it all."""
    server = new_server(
        *("--on-demand-window", "500ms", "--on-demand-quiet", "1s", "--on-demand-memory", "3s")
    )
    kinesis = client(server.endpoint)
    kinesis.create_stream(StreamName="s")
    wait_active(kinesis, "s")
    assert open_count(kinesis, "s") == 4
    with writers(server.endpoint, "s") as acknowledged:
        filler = [{"Data": b"0" * 200_000, "PartitionKey": f"f{n}"} for n in range(20)]

        def grown():
            kinesis.put_records(StreamName="s", Records=filler)
            return open_count(kinesis, "s") >= 7

        until(grown, 60)
        low = open_count(kinesis, "s")
    until(lambda: open_count(kinesis, "s") == 4, 60)
    wait_active(kinesis, "s")
    assert low > 4
    assert_lineage(kinesis, "s")
    assert_in_order(kinesis, "s", acknowledged)
