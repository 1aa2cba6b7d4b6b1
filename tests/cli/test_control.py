"""test_control.py: streams, shards, consumers, groups and delivery streams: each command in each form of output."""

import json
import urllib.request

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ROLE = {"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::nowhere"}


def rows(done):
    """A table's cells, without its first line."""
    return [line.split() for line in done.stdout.decode().splitlines()[1:]]


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def members(done):
    """What `describe` prints, as a dict."""
    return dict(line.split(None, 1) if len(line.split(None, 1)) == 2 else (line.strip(), "") for line in done.stdout.decode().splitlines())


def shards(sluice, stream):
    return [s["ShardId"] for s in lines(sluice("shard", "list", stream, "--json")) if "EndingSequenceNumber" not in s["SequenceNumberRange"]]


def test_streams_are_listed_and_described(sluice, stream):
    listed = [r for r in rows(sluice("stream", "list")) if r[0] == stream]
    assert listed[0][:3] == [stream, "ACTIVE", "PROVISIONED"]
    assert stream in [s["StreamName"] for s in lines(sluice("stream", "list", "--json"))]
    arn = members(sluice("stream", "describe", stream))["StreamARN"].strip()
    assert lines(sluice("stream", "describe", arn, "--json"))[0]["StreamName"] == stream


def test_a_stream_is_made_with_its_settings_and_is_gone_when_it_was_waited_for(sluice):
    assert sluice("stream", "create", "made", "--shards", 3, "--wait").stdout == b"made is ready\n"
    assert len(rows(sluice("shard", "list", "made"))) == 3
    assert sluice("stream", "delete", "made", "--wait").stdout == b"made is gone\n"
    sluice("stream", "describe", "made", code=4)
    sluice("stream", "create", "made", "--mode", "ON_DEMAND", "--wait", "--json")
    assert members(sluice("stream", "describe", "made"))["StreamModeDetails.StreamMode"] == "ON_DEMAND"
    sluice("stream", "delete", "made")


def test_a_stream_is_changed(sluice, stream):
    assert sluice("stream", "retention", stream, 48, "--wait").stdout.decode() == f"{stream} is ready\n"
    assert members(sluice("stream", "describe", stream))["RetentionPeriodHours"] == "48"
    sluice("stream", "retention", stream, 24, "--wait", "--json")
    sluice("stream", "encrypt", stream, "--wait")
    assert members(sluice("stream", "describe", stream))["EncryptionType"] == "KMS"
    sluice("stream", "decrypt", stream, "--wait")
    sluice("stream", "update-count", stream, 2, "--wait")
    assert len(shards(sluice, stream)) == 2
    sluice("stream", "update-mode", stream, "ON_DEMAND", "--wait")
    assert members(sluice("stream", "describe", stream))["StreamModeDetails.StreamMode"] == "ON_DEMAND"


def test_shards_are_split_in_the_middle_or_where_one_says_and_merged(sluice, stream):
    sluice("shard", "split", stream, "shardId-000000000000", "--wait")
    halves = lines(sluice("shard", "list", stream, "--json"))[1:]
    assert [s["HashKeyRange"]["StartingHashKey"] for s in halves] == ["0", str(2**127)]
    sluice("shard", "split", stream, halves[0]["ShardId"], "--at", 1000, "--wait")
    assert len(shards(sluice, stream)) == 3
    upper, *quarters = shards(sluice, stream)
    assert b"InvalidArgumentException" in sluice("shard", "merge", stream, upper, quarters[0], code=1).stderr
    assert sluice("shard", "merge", stream, *quarters, "--wait").stdout.decode() == f"{stream} is ready\n"
    assert len(shards(sluice, stream)) == 2
    sluice("shard", "split", stream, "shardId-000000000099", code=4)


def test_consumers(sluice, stream):
    assert members(sluice("consumer", "register", stream, "c"))["ConsumerName"] == "c"
    assert rows(sluice("consumer", "list", stream))[0][0] == "c"
    assert lines(sluice("consumer", "list", stream, "--json"))[0]["ConsumerName"] == "c"
    assert lines(sluice("consumer", "describe", stream, "c", "--json"))[0]["ConsumerName"] == "c"
    sluice("consumer", "describe", stream, "d", code=4)
    sluice("consumer", "deregister", stream, "c")


@pytest.fixture
def group(sluice, server, stream):
    """A group with a member and a lease, made by the service's own operations."""
    def call(operation, **body):
        request = AWSRequest(
            "POST", server.endpoint + "/", data=json.dumps(body),
            headers={"X-Amz-Target": f"Sluice_20261101.{operation}", "Content-Type": "application/x-amz-json-1.1"},
        )
        SigV4Auth(Credentials("dev", "dev-secret"), "kinesis", "us-east-1").add_auth(request)
        with urllib.request.urlopen(urllib.request.Request(request.url, request.data.encode(), dict(request.headers))) as answer:
            return json.loads(answer.read() or "{}")

    call("CreateConsumerGroup", StreamName=stream, GroupName="readers")
    epoch = call("JoinConsumerGroup", StreamName=stream, GroupName="readers", MemberName="m1")["SessionEpoch"]
    call("HeartbeatConsumerGroup", StreamName=stream, GroupName="readers", MemberName="m1", SessionEpoch=epoch)
    leave = lambda: call("LeaveConsumerGroup", StreamName=stream, GroupName="readers", MemberName="m1", SessionEpoch=epoch)  # noqa: E731
    yield "readers", leave


def test_groups(sluice, stream, group):
    group, _ = group
    assert rows(sluice("group", "list", stream))[0][:2] == ["readers", "1"]
    assert lines(sluice("group", "list", stream, "--json"))[0]["GroupName"] == "readers"
    shown = sluice("group", "describe", stream, group).stdout.decode()
    assert "m1" in shown and "shardId-000000000000" in shown
    described = lines(sluice("group", "describe", stream, group, "--json"))[0]
    assert described["Members"][0]["MemberName"] == "m1" and "BehindMs" in described["Leases"][0]
    assert b"ResourceInUseException" in sluice("group", "reset", stream, group, "--position", "LATEST", code=1).stderr
    sluice("group", "describe", stream, "nobody", code=4)


def test_groups_are_reset_and_deleted_when_nobody_is_in_them(sluice, stream, group):
    group, leave = group
    leave()
    assert sluice("group", "reset", stream, group, "--position", "TRIM_HORIZON").stdout
    sluice("group", "delete", stream, group)
    sluice("group", "delete", stream, group, code=4)


def test_delivery_streams(sluice, tmp_path):
    what = {"DeliveryStreamName": "archive", "ExtendedS3DestinationConfiguration": ROLE}
    (tmp_path / "archive.json").write_text(json.dumps(what))
    assert "DeliveryStreamARN" in members(sluice("delivery", "create", tmp_path / "archive.json"))
    sluice("delivery", "create", "--name", "archive2", stdin=json.dumps(what).encode())
    assert [r[0] for r in rows(sluice("delivery", "list"))] == ["archive", "archive2"]
    assert lines(sluice("delivery", "list", "--json")) == ["archive", "archive2"]
    described = sluice("delivery", "describe", "archive").stdout.decode()
    assert "arn:aws:s3:::nowhere" in described
    change = {"ExtendedS3DestinationUpdate": {"Prefix": "changed/"}}
    sluice("delivery", "update", "archive", stdin=json.dumps(change).encode())
    assert "changed/" in sluice("delivery", "describe", "archive", "--json").stdout.decode()
    assert sluice("delivery", "put", "archive", stdin=b"a\nb\n").stderr.startswith(b"2 records stored, 0 failed")
    assert b"1 failed" in sluice("delivery", "put", "archive", "--jsonl", stdin=b"{}\nb\n", code=3).stderr
    assert sluice("put", "archive", "--delivery", stdin=b"c").stderr.startswith(b"1 record stored")
    sluice("put", "nowhere", "--delivery", stdin=b"c", code=4)
    sluice("delivery", "flush", "archive", "--within", 1, code=1)  # its S3 is nowhere
    sluice("delivery", "flush", "nowhere", code=4)
    for name in ("archive", "archive2"):
        sluice("delivery", "delete", name, "--force")
    sluice("delivery", "create", stdin=b"{", code=2)
    sluice("delivery", "create", tmp_path / "none.json", code=2)
