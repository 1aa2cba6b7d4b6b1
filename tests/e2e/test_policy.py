"""test_policy.py: resource policies through boto3: put, shown, removed, and held between access keys and accounts."""

import contextlib
import json

import pytest

from server import ACCOUNT, sluice
from streams import client, read_shard, refused, wait_active

OTHER = "222222222222"
ZERO = "shardId-000000000000"


def arn(name):
    return f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{name}"


def statement(effect, principal, *actions, resource="*"):
    return {
        "Effect": effect,
        "Principal": principal if principal == "*" else {"AWS": principal},
        "Action": [f"kinesis:{a}" for a in actions],
        "Resource": resource,
    }


def put(kinesis, name, *statements):
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    kinesis.put_resource_policy(ResourceARN=arn(name), Policy=json.dumps(policy))
    return policy


def words(account, key, action, name, why):
    return (
        "AccessDeniedException",
        f"User: arn:aws:iam::{account}:user/{key} is not authorized to perform: kinesis:{action} on resource: "
        f"{arn(name)} {why}",
    )


def not_allowed(action):
    return f"because no resource-based policy allows the kinesis:{action} action"


EXPLICIT = "with an explicit deny in a resource-based policy"


def test_a_policy_is_put_shown_and_removed(kinesis, stream):
    at = arn(stream)
    assert kinesis.get_resource_policy(ResourceARN=at)["Policy"] == "{}"
    policy = put(kinesis, stream, statement("Allow", OTHER, "PutRecord", resource=at))
    assert json.loads(kinesis.get_resource_policy(ResourceARN=at)["Policy"]) == policy
    kinesis.delete_resource_policy(ResourceARN=at)
    assert kinesis.get_resource_policy(ResourceARN=at)["Policy"] == "{}"
    assert refused(kinesis.delete_resource_policy, ResourceARN=at)[0] == "ResourceNotFoundException"
    assert refused(kinesis.put_resource_policy, ResourceARN=arn("none"), Policy="{}") == (
        "ResourceNotFoundException",
        f"Stream none under account {ACCOUNT} not found.",
    )


def test_what_a_policy_cannot_say_is_refused(kinesis, stream):
    def refusal(policy):
        text = policy if isinstance(policy, str) else json.dumps(policy)
        return refused(kinesis.put_resource_policy, ResourceARN=arn(stream), Policy=text)

    usual = statement("Allow", "*", "*")
    assert refusal("nonsense")[0] == "InvalidArgumentException"
    assert refusal({"Statement": {**usual, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}}) == (
        "InvalidArgumentException",
        "Invalid policy: statement 1: this server does not support Condition.",
    )
    assert refusal({"Statement": [usual] * 101})[0] == "LimitExceededException"
    assert refusal("x" * 20481)[0] == "LimitExceededException"


def test_another_account_reads_and_writes_what_it_is_allowed(server, kinesis, stream):
    other = client(server.endpoint, key=OTHER)
    put(kinesis, stream, statement("Allow", OTHER, "Put*", "Get*", "ListShards"))
    other.put_record(StreamARN=arn(stream), Data=b"theirs", PartitionKey="k")
    at = other.get_shard_iterator(
        StreamARN=arn(stream), ShardId=ZERO, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert [r["Data"] for r in other.get_records(ShardIterator=at)["Records"]] == [b"theirs"]
    assert [r["Data"] for r in read_shard(kinesis, stream, ZERO)] == [b"theirs"]
    assert refused(other.describe_stream, StreamARN=arn(stream)) == words(
        OTHER, OTHER, "DescribeStream", stream, not_allowed("DescribeStream")
    )
    put(kinesis, stream, statement("Allow", "*", "*"), statement("Deny", OTHER, "GetRecords"))
    assert refused(other.get_records, ShardIterator=at) == words(
        OTHER, OTHER, "GetRecords", stream, EXPLICIT
    )
    assert refused(other.delete_stream, StreamARN=arn(stream)) == words(
        OTHER, OTHER, "DeleteStream", stream, not_allowed("DeleteStream")
    )


def test_another_account_subscribes_by_the_consumers_own_policy(server, kinesis, stream):
    other = client(server.endpoint, key=OTHER)
    at = kinesis.register_stream_consumer(StreamARN=arn(stream), ConsumerName="c")["Consumer"]["ConsumerARN"]
    subscribe = {"ConsumerARN": at, "ShardId": ZERO, "StartingPosition": {"Type": "TRIM_HORIZON"}}
    kinesis.put_record(StreamName=stream, Data=b"x", PartitionKey="k")
    put(kinesis, stream, statement("Allow", OTHER, "*"))  # of the stream, which says nothing of its consumers
    assert refused(other.subscribe_to_shard, **subscribe) == (
        "AccessDeniedException",
        f"User: arn:aws:iam::{OTHER}:user/{OTHER} is not authorized to perform: kinesis:SubscribeToShard on resource: "
        f"{at} {not_allowed('SubscribeToShard')}",
    )
    policy = json.dumps({"Statement": [statement("Allow", OTHER, "SubscribeToShard", "DescribeStreamConsumer")]})
    kinesis.put_resource_policy(ResourceARN=at, Policy=policy)
    assert kinesis.get_resource_policy(ResourceARN=at)["Policy"] == policy
    assert other.describe_stream_consumer(ConsumerARN=at)["ConsumerDescription"]["ConsumerName"] == "c"
    with contextlib.closing(other.subscribe_to_shard(**subscribe)["EventStream"]) as events:
        assert [r["Data"] for r in next(iter(events))["SubscribeToShardEvent"]["Records"]] == [b"x"]
    kinesis.delete_resource_policy(ResourceARN=at)
    assert refused(other.describe_stream_consumer, ConsumerARN=at)[0] == "AccessDeniedException"


@pytest.fixture
def two_keys(new_server):
    server = new_server("--plain", dev=False)
    root = server.root_key()
    added = sluice("keys", "add", "--data", server.data).stdout
    other = [line.split("'")[1] for line in added.splitlines()]
    kinesis = client(server.endpoint, *root)
    kinesis.create_stream(StreamName="s", ShardCount=1)
    wait_active(kinesis, "s")
    return server, root, other


def test_one_key_of_an_account_can_be_denied_by_name_also_after_a_restart(two_keys):
    server, root, other = two_keys
    put(
        client(server.endpoint, *root),
        "s",
        statement("Deny", f"arn:aws:iam::{ACCOUNT}:user/{other[0]}", "*"),
    )
    for _ in range(2):
        theirs = client(server.endpoint, *other)
        for call, action, members in (
            (theirs.put_record, "PutRecord", {"Data": b"x", "PartitionKey": "k"}),
            (theirs.delete_stream, "DeleteStream", {}),
        ):
            assert refused(call, StreamName="s", **members) == words(
                ACCOUNT, other[0], action, "s", EXPLICIT
            )
        assert (
            refused(theirs.delete_resource_policy, ResourceARN=arn("s"))[0]
            == "AccessDeniedException"
        )
        ours = client(server.endpoint, *root)
        assert ours.put_record(StreamName="s", Data=b"x", PartitionKey="k")["ShardId"] == ZERO
        server.restart(kill=True)


def test_an_owner_takes_back_a_policy_that_denies_all(two_keys):
    server, root, _ = two_keys
    ours = client(server.endpoint, *root)
    put(ours, "s", statement("Deny", "*", "*"))
    assert refused(ours.describe_stream, StreamName="s")[0] == "AccessDeniedException"
    ours.delete_resource_policy(ResourceARN=arn("s"))
    assert ours.describe_stream(StreamName="s")
