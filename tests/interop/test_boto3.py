"""test_boto3.py: the play of README.md by boto3, made as a user makes it; and every operation's answer over TLS. A warning is an error."""

import logging
import warnings

import boto3
import pytest

import streams
import tour
from server import REGION, Server

pytestmark = pytest.mark.filterwarnings("error")

KEYS = 10


@pytest.fixture
def kinesis(environment, monkeypatch):
    for name, value in environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    with warnings.catch_warnings():  # of the importing of botocore's own modules
        warnings.simplefilter("default")
        return boto3.client("kinesis")


# ---- records: what number i looks like


def key_of(i):
    return f"key-{i % KEYS}" if i % KEYS else "schlüssel-€-𐍈"


def data_of(i):
    data = bytearray((i * 31 + at) & 255 for at in range(4 + i * 37 % 2000))
    data[:4] = i.to_bytes(4, "big")
    return bytes(data)


def compare(by_shard, count):
    """Exactly the records [0, count), as they were put, each key's in the order of putting."""
    seen = []
    for records in by_shard.values():
        last = {}
        for record in records:
            i = int.from_bytes(record["Data"][:4], "big")
            assert (record["Data"], record["PartitionKey"]) == (data_of(i), key_of(i))
            assert last.get(key_of(i), -1) < i, f"record {i} came out of order"
            last[key_of(i)] = i
            seen.append(i)
    assert sorted(seen) == list(range(count))


# ---- steps


def put_batch(kinesis, stream, start, end):
    records = [{"PartitionKey": key_of(i), "Data": data_of(i)} for i in range(start, end)]
    answer = kinesis.put_records(StreamName=stream, Records=records)
    assert (answer["FailedRecordCount"], len(answer["Records"])) == (0, end - start)


def put_and_read(kinesis, stream, start, end):
    put_batch(kinesis, stream, start, end)
    compare(streams.read_stream(kinesis, stream), end)


def reshard(kinesis, stream):
    children = streams.split(kinesis, stream, "shardId-000000000000")
    put_and_read(kinesis, stream, 100, 150)
    streams.merge(kinesis, stream, *(shard["ShardId"] for shard in children))
    put_and_read(kinesis, stream, 150, 200)
    kinesis.update_shard_count(StreamName=stream, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    streams.wait_active(kinesis, stream)
    assert len(streams.open_shards(kinesis, stream)) == 4
    put_and_read(kinesis, stream, 200, 250)


def pushed(kinesis, stream, consumer, shard, late):
    """What a shard pushes from its beginning to its end, or its tip; where `late` belongs, it is put when all else has come."""
    closed = "EndingSequenceNumber" in shard["SequenceNumberRange"]
    low, high = streams.hash_range(shard)
    mine = not closed and low <= streams.key_hash(key_of(late)) <= high
    want = len(streams.read_shard(kinesis, stream, shard["ShardId"]))
    start = {"Type": "TRIM_HORIZON"}
    answer = kinesis.subscribe_to_shard(
        ConsumerARN=consumer, ShardId=shard["ShardId"], StartingPosition=start
    )
    records, children = [], []
    for message in answer["EventStream"]:
        event = message["SubscribeToShardEvent"]
        records += event["Records"]
        children += event.get("ChildShards", [])
        if mine and len(records) == want:
            kinesis.put_record(StreamName=stream, PartitionKey=key_of(late), Data=data_of(late))
        if not closed and len(records) >= want + mine:
            break
    answer["EventStream"].close()
    assert bool(children) == closed
    return records


def fan_out(kinesis, stream, count):
    summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    where = {"StreamARN": summary["StreamARN"], "ConsumerName": "push"}
    consumer = kinesis.register_stream_consumer(**where)["Consumer"]["ConsumerARN"]
    described = lambda: kinesis.describe_stream_consumer(**where)["ConsumerDescription"]
    streams.until(lambda: described()["ConsumerStatus"] == "ACTIVE")
    by_shard = {
        shard["ShardId"]: pushed(kinesis, stream, consumer, shard, count)
        for shard in streams.shards(kinesis, stream)
    }
    compare(by_shard, count + 1)
    kinesis.deregister_stream_consumer(**where)
    consumers = lambda: kinesis.list_stream_consumers(StreamARN=summary["StreamARN"])["Consumers"]
    streams.until(lambda: not consumers())


def test_play(kinesis):
    stream = "boto3"
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.describe_stream_summary(StreamName=stream)
    kinesis.create_stream(StreamName=stream, ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
    kinesis.put_record(StreamName=stream, PartitionKey=key_of(0), Data=data_of(0))
    put_and_read(kinesis, stream, 1, 100)
    reshard(kinesis, stream)
    fan_out(kinesis, stream, 250)
    kinesis.delete_stream(StreamName=stream)
    kinesis.get_waiter("stream_not_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})


@pytest.mark.whole  # plain, it is in ../e2e
def test_every_operation_is_parsed_without_a_warning(tmp_path, caplog):
    """Over TLS, its certificate verified; the answers are held to botocore's model besides."""
    caplog.set_level(logging.WARNING)
    server = Server(data=tmp_path / "data", dev=False).start()
    key, secret = server.root_key()
    kinesis = streams.client(server.endpoint, key, secret, REGION, verify=server.ca)
    assert tour.take(kinesis, "every") == tour.SERVED - tour.EVENT_STREAMS
    assert [record.getMessage() for record in caplog.records] == []
    server.stop()


def test_operations_that_are_not_served_are_refused_by_name(kinesis, environment):
    """boto3 knows operations newer than the model that is served: it is told so, and nothing worse."""
    key = environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
    lenient = streams.client(environment["AWS_ENDPOINT_URL_KINESIS"], *key)  # of parameters
    names = lenient.meta.method_to_api_mapping
    assert tour.SERVED < set(names.values())
    for method, operation in names.items():
        if operation not in tour.SERVED:
            assert streams.refused(getattr(lenient, method))[0] == "UnknownOperationException", method
