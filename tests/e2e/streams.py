"""streams.py: what the tests do again and again with boto3: wait for a state, read a shard to its tip, be refused."""

import hashlib
import time

import boto3
import botocore.config
import botocore.exceptions
import pytest

import shapes
from server import ACCOUNT, REGION

HASH_END = 2**128 - 1


def client(endpoint, key="dev", secret="dev", region=REGION, verify=None, timeout=60, service="kinesis"):
    """A boto3 client that neither retries nor checks parameters itself: the server's answers come through as they are."""
    config = botocore.config.Config(
        retries={"total_max_attempts": 1},
        parameter_validation=False,
        read_timeout=timeout,
        connect_timeout=10,
        max_pool_connections=64,
    )
    made = boto3.session.Session().client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        verify=verify,
        config=config,
    )
    return shapes.watch(made)


def described_delivery(firehose, name):
    return firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]


def delivery_status(firehose, name):
    return described_delivery(firehose, name)["DeliveryStreamStatus"]


def wait_delivering(firehose, name):
    """Its description, once it is ACTIVE."""

    def active():
        shown = described_delivery(firehose, name)
        return shown if shown["DeliveryStreamStatus"] == "ACTIVE" else None

    return until(active, words="an ACTIVE delivery stream")


def refused(operation, **members):
    """The call must fail; its code and message."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        operation(**members)
    error = caught.value.response
    return error["Error"]["Code"], error["Error"].get("Message", "")


def until(condition, seconds=30, words="the condition"):
    """Asks again until the answer is true, and returns it. One look counts a second at most: a machine that stood still is not the condition's fault."""
    left = seconds
    while True:
        began = time.monotonic()
        answer = condition()
        if answer:
            return answer
        assert left > 0, f"{words} did not come within {seconds} s"
        time.sleep(0.01)  # between two looks at the condition
        left -= min(1, time.monotonic() - began)


def status(kinesis, name):
    try:
        return kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"][
            "StreamStatus"
        ]
    except kinesis.exceptions.ResourceNotFoundException:
        return None


def wait_active(kinesis, name, seconds=30):
    until(lambda: status(kinesis, name) == "ACTIVE", seconds, f"{name} ACTIVE")


def wait_gone(kinesis, name, seconds=30):
    until(lambda: status(kinesis, name) is None, seconds, f"{name} gone")


def arn(name, region=REGION):
    return f"arn:aws:kinesis:{region}:{ACCOUNT}:stream/{name}"


def shards(kinesis, name, **members):
    """All shards by all pages of ListShards."""
    found, token = [], None
    while True:
        page = (
            kinesis.list_shards(NextToken=token)
            if token
            else kinesis.list_shards(StreamName=name, **members)
        )
        found += page["Shards"]
        token = page.get("NextToken")
        if not token:
            return found


def open_shards(kinesis, name):
    return [
        s for s in shards(kinesis, name) if "EndingSequenceNumber" not in s["SequenceNumberRange"]
    ]


def hash_range(shard):
    return int(shard["HashKeyRange"]["StartingHashKey"]), int(
        shard["HashKeyRange"]["EndingHashKey"]
    )


def key_hash(key):
    return int.from_bytes(hashlib.md5(key.encode()).digest(), "big")


def iterator(kinesis, name, shard, kind="TRIM_HORIZON", **members):
    return kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard, ShardIteratorType=kind, **members
    )["ShardIterator"]


def drain(kinesis, at, limit=None):
    """Reads on from an iterator until the tip or the shard's end; the records and the last answer."""
    records, members = [], {"Limit": limit} if limit else {}
    while True:
        page = kinesis.get_records(ShardIterator=at, **members)
        records += page["Records"]
        at = page.get("NextShardIterator")
        if not at or (not page["Records"] and page["MillisBehindLatest"] == 0):
            return records, page


def read_shard(kinesis, name, shard, kind="TRIM_HORIZON", limit=None, **members):
    return drain(kinesis, iterator(kinesis, name, shard, kind, **members), limit)[0]


def read_stream(kinesis, name):
    """Every record of every shard: {shard id: records}."""
    return {s["ShardId"]: read_shard(kinesis, name, s["ShardId"]) for s in shards(kinesis, name)}


def split(kinesis, name, shard_id, at=None):
    """Splits in the middle (or at `at`), waits, and returns the two children."""
    shard = next(s for s in shards(kinesis, name) if s["ShardId"] == shard_id)
    low, high = hash_range(shard)
    kinesis.split_shard(
        StreamName=name,
        ShardToSplit=shard_id,
        NewStartingHashKey=str(at if at is not None else (low + high + 1) // 2),
    )
    wait_active(kinesis, name)
    return [s for s in shards(kinesis, name) if s.get("ParentShardId") == shard_id]


def merge(kinesis, name, low, high):
    kinesis.merge_shards(StreamName=name, ShardToMerge=low, AdjacentShardToMerge=high)
    wait_active(kinesis, name)
    return next(
        s
        for s in shards(kinesis, name)
        if s.get("ParentShardId") == low and s.get("AdjacentParentShardId") == high
    )
