"""test_accounts.py: an access key belongs to an account, a signature names a region; each pair has streams of its own."""

import pytest

from server import ACCOUNT, sluice
from streams import client, open_shards, refused, until, wait_active
from test_metrics import scrape

ONE, TWO = "111111111111", "222222222222"


def arn(account, name, region="us-east-1"):
    return f"arn:aws:kinesis:{region}:{account}:stream/{name}"


def make(kinesis, name):
    kinesis.create_stream(StreamName=name, ShardCount=1)
    wait_active(kinesis, name)


def test_in_dev_a_key_of_12_digits_is_its_account(server, new_name):
    name = new_name()
    one, two = client(server.endpoint, key=ONE), client(server.endpoint, key=TWO)
    make(one, name)
    make(two, name)
    for kinesis, account in ((one, ONE), (two, TWO)):
        summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        assert summary["StreamARN"] == arn(account, name)
        assert name in kinesis.list_streams()["StreamNames"]
    put = one.put_record(StreamARN=arn(ONE, name), Data=b"x", PartitionKey="k")
    at = two.get_shard_iterator(
        StreamName=name, ShardId=put["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )
    assert two.get_records(ShardIterator=at["ShardIterator"])["Records"] == []
    two.delete_stream(StreamName=name)
    assert refused(two.describe_stream, StreamName=name) == (
        "ResourceNotFoundException",
        f"Stream {name} under account {TWO} not found.",
    )
    assert name in one.list_streams()["StreamNames"]


def test_in_dev_each_region_is_a_name_space(server, new_name):
    name = new_name()
    here, there = client(server.endpoint, key=ONE), client(server.endpoint, ONE, region="eu-west-9")
    make(here, name)
    assert there.list_streams()["StreamNames"] == []
    make(there, name)
    assert there.describe_limits()["OpenShardCount"] == 1
    got = there.describe_stream(StreamName=name)["StreamDescription"]
    assert got["StreamARN"] == arn(ONE, name, "eu-west-9")
    assert refused(there.describe_stream, StreamARN=arn(ONE, name)) == (
        "ResourceNotFoundException",
        f"Stream {name} under account {ONE} not found.",
    )


def test_another_accounts_stream_is_denied(server, new_name):
    name = new_name()
    make(client(server.endpoint, key=ONE), name)
    two = client(server.endpoint, key=TWO)
    code, words = refused(
        two.put_record, StreamARN=arn(ONE, name), Data=b"x", PartitionKey="k"
    )
    assert code == "AccessDeniedException"
    assert words == (
        f"User: arn:aws:iam::{TWO}:user/{TWO} is not authorized to perform: kinesis:PutRecord on resource: "
        f"{arn(ONE, name)} because no resource-based policy allows the kinesis:PutRecord action"
    )


def test_streams_of_one_name_scale_and_are_measured_apart(new_server):
    server = new_server()
    scopes = [(ONE, "us-east-1"), (ONE, "eu-west-9"), (TWO, "us-east-1")]
    clients = [client(server.endpoint, key, region=region) for key, region in scopes]
    for puts, kinesis in enumerate(clients, start=1):
        kinesis.create_stream(StreamName="s", StreamModeDetails={"StreamMode": "ON_DEMAND"})
        wait_active(kinesis, "s")
        for _ in range(puts):
            kinesis.put_record(StreamName="s", Data=b"x", PartitionKey="k")
    clients[1].update_stream_warm_throughput(StreamName="s", WarmThroughputMiBps=7)
    until(lambda: len(open_shards(clients[1], "s")) == 7)
    wait_active(clients[1], "s")
    assert [len(open_shards(kinesis, "s")) for kinesis in clients] == [4, 7, 4]
    samples, _ = scrape(server)  # in which no line is there twice
    for puts, (account, region) in enumerate(scopes, start=1):
        labels = f'{{account="{account}",region="{region}",stream="s"}}'
        assert samples["kinesis_stream_incoming_records_total" + labels] == puts


@pytest.mark.parametrize("while_serving", (True, False))
def test_a_key_is_made_for_an_account_and_keeps_it(new_server, while_serving):
    server = new_server("--plain", dev=False)
    root = server.root_key()
    make(client(server.endpoint, *root), "s")
    if not while_serving:
        server.stop()
    added = sluice("keys", "add", "--account", ONE, "--data", server.data)
    assert added.returncode == 0, added.stderr
    pair = [line.split("'")[1] for line in added.stdout.splitlines()]
    listed = dict(
        line.split() for line in sluice("keys", "list", "--data", server.data).stdout.splitlines()
    )
    assert listed == {root[0]: "default", pair[0]: ONE}
    server.start() if not while_serving else None
    for _ in range(2):
        kinesis = client(server.endpoint, *pair)
        if "s" not in kinesis.list_streams()["StreamNames"]:
            make(kinesis, "s")
        got = kinesis.describe_stream(StreamName="s")["StreamDescription"]
        assert got["StreamARN"] == arn(ONE, "s")
        got = client(server.endpoint, *root).describe_stream(StreamName="s")["StreamDescription"]
        assert got["StreamARN"] == arn(ACCOUNT, "s")
        server.restart()


def test_an_account_that_is_none_is_refused(new_server):
    server = new_server("--plain", dev=False)
    for words in (["add", "--account", "12"], ["add", "--account"], ["list", "--account", ONE]):
        assert sluice("keys", *words, "--data", server.data).returncode != 0
    assert sluice("serve", "--account", ONE).returncode == 2
