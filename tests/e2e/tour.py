"""tour.py: every operation that is served, each called once or more, with answers as full as they get. For whoever looks at the answers."""

import datetime
import pathlib
import re

from streams import arn, wait_active

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVED = set(re.findall(r"^OPERATION\((\w+),", (ROOT / "api/operations.def").read_text(), re.M))
EVENT_STREAMS = {"SubscribeToShard"}  # no one body: events have tests of their own
YESTERDAY = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)


def on_streams(kinesis, name):
    kinesis.create_stream(StreamName=name, ShardCount=3, Tags={"a": "1"}, MaxRecordSizeInKiB=2048)
    kinesis.create_stream(StreamName=f"{name}-too", WarmThroughputMiBps=5)
    for each in (name, f"{name}-too"):
        wait_active(kinesis, each)
        kinesis.describe_stream(StreamName=each, Limit=2)
        kinesis.describe_stream_summary(StreamName=each)
    page = kinesis.list_streams(Limit=1)
    kinesis.list_streams(NextToken=page["NextToken"])
    kinesis.describe_limits()
    kinesis.describe_account_settings()
    kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    kinesis.describe_account_settings()
    kinesis.delete_stream(StreamName=f"{name}-too")


def on_records(kinesis, name):
    kinesis.put_record(StreamName=name, PartitionKey="k", Data=b"one")
    kinesis.put_records(
        StreamName=name,
        Records=[{"PartitionKey": "k", "Data": b""}, {"PartitionKey": "k", "Data": bytes(3 << 20)}],
    )  # the second is refused: it has a code and words
    for shard in kinesis.list_shards(StreamName=name)["Shards"]:
        where = {"StreamName": name, "ShardId": shard["ShardId"]}
        at = kinesis.get_shard_iterator(**where, ShardIteratorType="TRIM_HORIZON")
        kinesis.get_records(ShardIterator=at["ShardIterator"])
        kinesis.get_shard_iterator(
            **where, ShardIteratorType="AT_TIMESTAMP", Timestamp=YESTERDAY
        )
    page = kinesis.list_shards(StreamName=name, MaxResults=1)
    kinesis.list_shards(NextToken=page["NextToken"])


def on_shapes_of_streams(kinesis, name):
    kinesis.split_shard(StreamName=name, ShardToSplit="0", NewStartingHashKey="1000")
    kinesis.merge_shards(StreamName=name, ShardToMerge="1", AdjacentShardToMerge="2")
    on_records(kinesis, name)  # of closed shards and their children
    kinesis.update_shard_count(
        StreamName=name, TargetShardCount=2, ScalingType="UNIFORM_SCALING"
    )
    wait_active(kinesis, name)
    kinesis.update_max_record_size(StreamARN=arn(name), MaxRecordSizeInKiB=1024)
    kinesis.update_stream_mode(
        StreamARN=arn(name), StreamModeDetails={"StreamMode": "ON_DEMAND"}
    )
    kinesis.update_stream_warm_throughput(StreamName=name, WarmThroughputMiBps=3)
    kinesis.describe_stream_summary(StreamName=name)
    kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=48)
    kinesis.decrease_stream_retention_period(StreamName=name, RetentionPeriodHours=24)
    kinesis.enable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=["ALL"])
    kinesis.describe_stream(StreamName=name)
    kinesis.disable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=["IncomingBytes"])


def on_attributes(kinesis, name):
    policy = '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"kinesis:GetRecords","Resource":"*"}]}'
    kinesis.add_tags_to_stream(StreamName=name, Tags={"b": "2"})
    kinesis.tag_resource(ResourceARN=arn(name), Tags={"c": ""})
    kinesis.list_tags_for_stream(StreamName=name, Limit=1)
    kinesis.list_tags_for_resource(ResourceARN=arn(name))
    kinesis.remove_tags_from_stream(StreamName=name, TagKeys=["a"])
    kinesis.untag_resource(ResourceARN=arn(name), TagKeys=["b"])
    kinesis.get_resource_policy(ResourceARN=arn(name))
    kinesis.put_resource_policy(ResourceARN=arn(name), Policy=policy)
    kinesis.get_resource_policy(ResourceARN=arn(name))
    kinesis.delete_resource_policy(ResourceARN=arn(name))


def on_encryption(kinesis, name):
    key = {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    kinesis.start_stream_encryption(StreamName=name, **key)
    wait_active(kinesis, name)
    kinesis.describe_stream(StreamName=name)
    kinesis.describe_stream_summary(StreamName=name)
    on_records(kinesis, name)
    kinesis.stop_stream_encryption(StreamName=name, **key)
    wait_active(kinesis, name)


def on_consumers(kinesis, name):
    made = kinesis.register_stream_consumer(StreamARN=arn(name), ConsumerName="reader")
    consumer = made["Consumer"]["ConsumerARN"]
    kinesis.describe_stream_consumer(ConsumerARN=consumer)
    kinesis.list_stream_consumers(StreamARN=arn(name), MaxResults=1)
    kinesis.deregister_stream_consumer(ConsumerARN=consumer)


def take(kinesis, name):
    """All of them, on a stream of that name; the names of those that answered."""
    seen = set()
    kinesis.meta.events.register(
        "before-parse.kinesis", lambda operation_model, **_: seen.add(operation_model.name)
    )
    for part in (on_streams, on_records, on_shapes_of_streams, on_attributes, on_encryption, on_consumers):
        part(kinesis, name)
    return seen
