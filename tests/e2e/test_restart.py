"""test_restart.py: what was acknowledged outlives SIGTERM and SIGKILL: streams, records, iterators, keys."""

import json
import re
import signal
import threading

import botocore.exceptions
import pytest

from server import sluice
from streams import (
    client,
    drain,
    iterator,
    merge,
    read_stream,
    refused,
    shards,
    split,
    until,
    wait_active,
    wait_gone,
)

HOW = pytest.mark.parametrize("kill", [False, True], ids=["SIGTERM", "SIGKILL"])


def picture(kinesis, name):
    """All that a client can see of a stream."""
    description = kinesis.describe_stream(StreamName=name)["StreamDescription"]
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    return description, summary, shards(kinesis, name), read_stream(kinesis, name)


@HOW
def test_streams_and_records_are_the_same_after_a_restart(new_server, kill):
    server = new_server()
    kinesis = client(server.endpoint)
    kinesis.create_stream(StreamName="a", ShardCount=3)
    kinesis.create_stream(StreamName="b", MaxRecordSizeInKiB=2048)
    kinesis.create_stream(StreamName="gone", ShardCount=1)
    for name in ("a", "b", "gone"):
        wait_active(kinesis, name)
        for n in range(20):
            kinesis.put_records(
                StreamName=name,
                Records=[
                    {"Data": bytes([n, k]) * (n * k), "PartitionKey": f"{n}-{k}"} for k in range(20)
                ],
            )
    kinesis.increase_stream_retention_period(StreamName="a", RetentionPeriodHours=100)
    wait_active(kinesis, "a")
    split(kinesis, "a", "shardId-000000000000")
    merge(kinesis, "a", "shardId-000000000001", "shardId-000000000002")
    kinesis.put_record(StreamName="a", Data=b"last", PartitionKey="k")
    kinesis.delete_stream(StreamName="gone")
    wait_gone(kinesis, "gone")
    before = {name: picture(kinesis, name) for name in ("a", "b")}
    for _ in range(2):
        server.restart(kill)
        kinesis = client(server.endpoint)
        assert kinesis.list_streams()["StreamNames"] == ["a", "b"]
        assert {name: picture(kinesis, name) for name in ("a", "b")} == before
    put = kinesis.put_record(StreamName="a", Data=b"new", PartitionKey="k")
    last = max(int(r["SequenceNumber"]) for r in before["a"][3][put["ShardId"]])
    assert int(put["SequenceNumber"]) > last


@HOW
def test_iterators_and_tokens_go_on_after_a_restart(new_server, kill):
    server = new_server()
    kinesis = client(server.endpoint)
    kinesis.create_stream(StreamName="s", ShardCount=2)
    wait_active(kinesis, "s")
    shard = kinesis.put_record(StreamName="s", Data=b"0", PartitionKey="k")["ShardId"]
    horizon, latest = iterator(kinesis, "s", shard), iterator(kinesis, "s", shard, "LATEST")
    first = kinesis.get_records(ShardIterator=horizon)["NextShardIterator"]
    token = kinesis.list_shards(StreamName="s", MaxResults=1)["NextToken"]
    server.restart(kill)
    kinesis = client(server.endpoint)
    kinesis.put_record(StreamName="s", Data=b"1", PartitionKey="k")
    assert [r["Data"] for r in drain(kinesis, horizon)[0]] == [b"0", b"1"]
    for at in (latest, first):
        assert [r["Data"] for r in drain(kinesis, at)[0]] == [b"1"]
    assert len(kinesis.list_shards(NextToken=token)["Shards"]) == 1


@HOW
def test_a_state_that_was_begun_is_finished(new_server, kill):
    """CREATING, UPDATING and DELETING are gone through after a restart, however it came."""
    server = new_server("--state-delay", "1s")
    kinesis = client(server.endpoint)
    for name in ("split", "gone"):
        kinesis.create_stream(StreamName=name, ShardCount=1)
    for name in ("split", "gone"):
        wait_active(kinesis, name)
    kinesis.create_stream(StreamName="made", ShardCount=2)
    kinesis.split_shard(StreamName="split", ShardToSplit="0", NewStartingHashKey=str(2**127))
    kinesis.delete_stream(StreamName="gone")
    server.restart(kill)
    kinesis = client(server.endpoint)
    wait_active(kinesis, "made")
    wait_active(kinesis, "split")
    wait_gone(kinesis, "gone")
    assert len(shards(kinesis, "made")) == 2 and len(shards(kinesis, "split")) == 3
    assert (
        kinesis.put_record(StreamName="split", Data=b"x", PartitionKey="k")["ShardId"]
        != "shardId-000000000000"
    )


def test_what_is_in_flight_is_finished_on_sigterm(new_server):
    """Whoever was answered finds the record again; nobody's connection breaks in the middle of an answer."""
    server = new_server()
    kinesis = client(server.endpoint)
    kinesis.create_stream(StreamName="s", ShardCount=2)
    wait_active(kinesis, "s")
    acknowledged, lock = [], threading.Lock()

    def write(writer):
        own = client(server.endpoint)
        for n in range(100000):
            data = f"{writer}-{n}".encode()
            try:
                own.put_record(StreamName="s", Data=data, PartitionKey=str(n))
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                return
            with lock:
                acknowledged.append(data)

    threads = [threading.Thread(target=write, args=(w,)) for w in range(8)]
    for t in threads:
        t.start()
    until(lambda: len(acknowledged) > 200)
    server.stop()
    for t in threads:
        t.join()
    server.start()
    back = [
        r["Data"] for records in read_stream(client(server.endpoint), "s").values() for r in records
    ]
    assert len(back) == len(set(back)) and set(acknowledged) <= set(back)
    assert len(back) - len(acknowledged) <= 8


def test_a_folder_is_served_by_one(new_server):
    server = new_server()
    second = new_server(data=server.data, start=False)
    second.spawn()
    code = second.process.wait(30)
    second._drained()
    second.process = None
    assert code not in (0, None) and code > 0, second.stderr
    assert second.stderr.strip()
    assert server.health() == 200


def test_a_second_signal_does_no_harm(new_server):
    server = new_server()
    for s in (signal.SIGHUP, signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
        server.process.send_signal(s)
    server.stop()


def test_interrupt_ends_it_too(new_server):
    server = new_server()
    server.process.send_signal(signal.SIGINT)
    server.stop()


# -- keys ---------------------------------------------------------------------------------------------


def pair(text):
    key = re.search(r"\b(AKIA[A-Z2-7]{16})\b", text)
    secret = re.search(r"(?<![A-Za-z0-9+/])([A-Za-z0-9+/]{40})(?![A-Za-z0-9+/=])", text)
    assert key and secret, text
    return key[1], secret[1]


def test_keys_are_added_listed_and_removed(new_server):
    server = new_server("--plain", dev=False)
    root = server.root_key()
    keys = lambda *words: sluice("keys", words[0], "--data", server.data, *words[1:])
    added = keys("add")
    assert added.returncode == 0, added.stderr
    second = pair(added.stdout)
    assert "StreamNames" in client(server.endpoint, *second).list_streams()
    listed = keys("list")
    assert listed.returncode == 0
    assert root[0] in listed.stdout and second[0] in listed.stdout
    assert root[1] not in listed.stdout and second[1] not in listed.stdout
    server.restart(kill=True)
    assert "StreamNames" in client(server.endpoint, *second).list_streams()
    removed = keys("remove", second[0])
    assert removed.returncode == 0, removed.stderr
    assert (
        refused(client(server.endpoint, *second).list_streams)[0] == "UnrecognizedClientException"
    )
    assert "StreamNames" in client(server.endpoint, *root).list_streams()
    assert second[0] not in keys("list").stdout
    assert keys("remove", second[0]).returncode != 0
    server.restart()
    assert (
        refused(client(server.endpoint, *second).list_streams)[0] == "UnrecognizedClientException"
    )


def test_keys_can_be_changed_while_nobody_serves(new_server):
    server = new_server("--plain", dev=False)
    server.stop()
    added = sluice("keys", "add", "--data", server.data)
    assert added.returncode == 0, added.stderr
    assert pair(added.stdout)[0] in sluice("keys", "list", "--data", server.data).stdout
    server.start()
    assert "StreamNames" in client(server.endpoint, *pair(added.stdout)).list_streams()


# -- the command line ---------------------------------------------------------------------------------


def test_help_and_settings_are_told(tmp_path):
    told = sluice("serve", "--help")
    assert told.returncode == 0
    for word in ("--data", "--listen-port", "--dev", "--durability"):
        assert word in told.stdout
    config = tmp_path / "sluice.json"
    config.write_text('{"listen-port": 1234, "data": "/from/file", "segment-size": "2MiB"}')
    told = sluice(
        "serve",
        "--config",
        config,
        "--threads",
        "3",
        "--print-config",
        env={"SLUICE_DATA": "/from/env"},
    )
    assert told.returncode == 0, told.stderr
    values = json.loads(told.stdout)
    assert values["listen-port"] in (1234, "1234") and values["data"] == "/from/env"
    assert str(values["threads"]) == "3" and str(values["segment-size"]) in ("2097152", "2MiB")


@pytest.mark.parametrize(
    "words",
    [
        ["--no-such"],
        ["--listen-port", "70000"],
        ["--listen-port", "x"],
        ["--config", "/none"],
        ["--durability", "maybe"],
        ["--listen-address", "not an address"],
    ],
)
def test_a_wrong_setting_is_refused_in_words(words, tmp_path):
    told = sluice("serve", "--data", tmp_path / "d", *words)
    assert told.returncode > 0 and told.stderr.strip()


def test_an_unknown_variable_is_refused(tmp_path):
    told = sluice("serve", "--data", tmp_path / "d", "--print-config", env={"SLUICE_NO_SUCH": "1"})
    assert told.returncode > 0 and "SLUICE_NO_SUCH" in told.stderr
