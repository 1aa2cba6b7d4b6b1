"""test_fanout.py: registered consumers and SubscribeToShard, as boto3 sees them, and as clients who misbehave do."""

import json
import os
import queue
import socket
import threading
import time
import urllib.request

import botocore.eventstream
import botocore.exceptions
import httpx
import pytest

from server import raise_file_limit
from streams import arn, client, drain, iterator, merge, refused, shards, split, until
from wire import b64, dev_headers, request_bytes, serves

FIRST = "shardId-000000000000"
START = {"Type": "TRIM_HORIZON"}
LATEST = {"Type": "LATEST"}


def register(kinesis, stream, name):
    """The ARN of a new consumer that is ACTIVE."""
    consumer = kinesis.register_stream_consumer(StreamARN=arn(stream), ConsumerName=name)
    found = consumer["Consumer"]["ConsumerARN"]
    until(
        lambda: kinesis.describe_stream_consumer(ConsumerARN=found)["ConsumerDescription"][
            "ConsumerStatus"
        ]
        == "ACTIVE"
    )
    return found


class Reader:
    """A subscription read on a thread of its own: its events go into a queue, then whatever ended it."""

    def __init__(self, kinesis, consumer, shard=FIRST, position=LATEST):
        self.answer = kinesis.subscribe_to_shard(
            ConsumerARN=consumer, ShardId=shard, StartingPosition=position
        )
        self.events = queue.Queue()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            for message in self.answer["EventStream"]:
                self.events.put(message["SubscribeToShardEvent"])
            self.events.put(None)
        except Exception as e:  # it is looked at by the test
            self.events.put(e)

    def event(self, seconds=20):
        return self.events.get(timeout=seconds)

    def records(self, count, seconds=30):
        """The next `count` records' data; the last event's number."""
        got, number, end = [], None, time.monotonic() + seconds
        while len(got) < count:
            event = self.event(max(0.1, end - time.monotonic()))
            assert isinstance(event, dict), event
            got += [r["Data"] for r in event["Records"]]
            number = event["ContinuationSequenceNumber"]
        return got, number

    def rest(self):
        """Every event up to the end, which must be a clean one."""
        events = []
        while isinstance(event := self.event(), dict):
            events.append(event)
        assert event is None, event
        return events

    def close(self):
        """Goes, without waiting: the other thread may be reading until the next event."""
        threading.Thread(target=self.answer["EventStream"].close, daemon=True).start()


@pytest.fixture
def own(new_server):
    """A server of the test's own, and its client."""
    server = new_server()
    return server, client(server.endpoint)


def data(first, count):
    return [b"%d" % i for i in range(first, first + count)]


def put(kinesis, stream, first, count, key="a"):
    for one in data(first, count):
        kinesis.put_record(StreamName=stream, PartitionKey=key, Data=one)


# -- records --------------------------------------------------------------------------------------


def test_what_is_put_arrives_at_every_consumer(kinesis, stream):
    readers = [Reader(kinesis, register(kinesis, stream, name)) for name in ("one", "two")]
    put(kinesis, stream, 0, 20)
    for reader in readers:
        assert reader.records(20)[0] == data(0, 20)
        reader.close()


def test_over_tls_as_well(own):
    server, _ = own
    kinesis = client(server.tls_endpoint, verify=server.ca)
    kinesis.create_stream(StreamName="tls", ShardCount=1)
    reader = Reader(kinesis, register(kinesis, "tls", "c"))
    put(kinesis, "tls", 0, 5)
    assert reader.records(5)[0] == data(0, 5)
    reader.close()


def test_each_starting_position(kinesis, stream):
    numbers = [
        kinesis.put_record(StreamName=stream, PartitionKey="a", Data=one)["SequenceNumber"]
        for one in data(0, 4)
    ]
    time.sleep(0.05)  # the time asked for must lie between two records
    between = time.time()
    time.sleep(0.05)  # and again
    put(kinesis, stream, 4, 2)
    for name, position, first in (
        ("horizon", START, 0),
        ("at", {"Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": numbers[2]}, 2),
        ("after", {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": numbers[2]}, 3),
        ("time", {"Type": "AT_TIMESTAMP", "Timestamp": between}, 4),
        ("old-time", {"Type": "AT_TIMESTAMP", "Timestamp": 1420000000}, 0),
    ):
        reader = Reader(kinesis, register(kinesis, stream, name), position=position)
        assert reader.records(6 - first)[0] == data(first, 6 - first), name
        reader.close()


def test_large_history_comes_whole_and_in_order(kinesis, stream):
    consumer = register(kinesis, stream, "c")
    sent = [bytes([i % 256]) * 100_000 for i in range(200)]
    for i in range(0, len(sent), 10):
        kinesis.put_records(
            StreamName=stream,
            Records=[{"Data": one, "PartitionKey": "a"} for one in sent[i : i + 10]],
        )
    reader = Reader(kinesis, consumer, position=START)
    assert reader.records(len(sent), 60)[0] == sent
    reader.close()


def test_an_idle_subscription_is_told_so_every_five_seconds(kinesis, stream):
    reader = Reader(kinesis, register(kinesis, stream, "c"))
    begun = time.monotonic()
    first, second = reader.event(), reader.event()
    assert time.monotonic() - begun < 10.5
    assert first["Records"] == [] and first["MillisBehindLatest"] == 0
    assert int(second["ContinuationSequenceNumber"]) > int(first["ContinuationSequenceNumber"])
    reader.close()


# -- ends -----------------------------------------------------------------------------------------


def test_resharding_ends_with_children_that_go_on(kinesis, stream):
    consumer = register(kinesis, stream, "c")
    reader = Reader(kinesis, consumer)
    put(kinesis, stream, 0, 5)
    children = split(kinesis, stream, FIRST)
    events = reader.rest()
    assert [r["Data"] for e in events for r in e["Records"]] == data(0, 5)
    last = events[-1]
    assert "ContinuationSequenceNumber" not in last
    assert [c["ShardId"] for c in last["ChildShards"]] == [c["ShardId"] for c in children]
    put(kinesis, stream, 5, 5)
    halves = [
        Reader(kinesis, consumer, shard=c["ShardId"], position=START) for c in last["ChildShards"]
    ]
    merged = merge(kinesis, stream, *(c["ShardId"] for c in children))
    got = []
    for reader in halves:
        events = reader.rest()
        got += [r["Data"] for e in events for r in e["Records"]]
        (child,) = events[-1]["ChildShards"]
        assert child["ShardId"] == merged["ShardId"]
        assert child["ParentShards"] == [c["ShardId"] for c in children]
    assert got == data(5, 5)


def test_a_deregistered_consumer_is_cut_off_in_words(kinesis, stream):
    consumer = register(kinesis, stream, "c")
    reader = Reader(kinesis, consumer)
    kinesis.deregister_stream_consumer(ConsumerARN=consumer)
    ended = reader.event()
    assert isinstance(ended, botocore.exceptions.EventStreamError), ended
    assert ended.response["Error"]["Code"] == "ResourceNotFoundException"
    until(lambda: kinesis.list_stream_consumers(StreamARN=arn(stream))["Consumers"] == [])


def test_a_stream_deleted_under_its_consumers(kinesis, make_stream):
    stream = make_stream()
    reader = Reader(kinesis, register(kinesis, stream, "c"))
    code, words = refused(kinesis.delete_stream, StreamName=stream)
    assert code == "ResourceInUseException" and "EnforceConsumerDeletion" in words
    kinesis.delete_stream(StreamName=stream, EnforceConsumerDeletion=True)
    ended = reader.event()
    assert isinstance(ended, botocore.exceptions.EventStreamError), ended
    assert ended.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_second_subscription_waits_five_seconds(kinesis, stream):
    consumer = register(kinesis, stream, "c")
    first = Reader(kinesis, consumer)
    code, words = refused(
        kinesis.subscribe_to_shard, ConsumerARN=consumer, ShardId=FIRST, StartingPosition=START
    )
    assert code == "ResourceInUseException" and "Another active subscription" in words
    second = until(lambda: taken_over(kinesis, consumer), 10, "the place of the first")
    put(kinesis, stream, 0, 1)
    assert second.records(1)[0] == data(0, 1)
    ended = first.event()
    while isinstance(ended, dict):
        ended = first.event()
    assert ended.response["Error"]["Code"] == "ResourceInUseException"
    second.close()


def taken_over(kinesis, consumer):
    try:
        return Reader(kinesis, consumer, position=START)
    except kinesis.exceptions.ResourceInUseException:
        return None


def test_a_server_that_stops_ends_its_streams_cleanly(own):
    server, kinesis = own
    kinesis.create_stream(StreamName="s", ShardCount=1)
    reader = Reader(kinesis, register(kinesis, "s", "c"))
    put(kinesis, "s", 0, 3)
    assert reader.records(3)[0] == data(0, 3)
    begun = time.monotonic()
    server.stop()
    assert time.monotonic() - begun < 10
    assert reader.rest() == []


# -- property -------------------------------------------------------------------------------------


def follow(server, consumer, seen, stop):
    """Reads on and on from where it got to, whatever happens to the server."""
    position = START
    while not stop.is_set():
        try:
            kinesis = client(server.endpoint, timeout=7)
            answer = kinesis.subscribe_to_shard(
                ConsumerARN=consumer, ShardId=FIRST, StartingPosition=position
            )
            for message in answer["EventStream"]:
                event = message["SubscribeToShardEvent"]
                seen += [r["SequenceNumber"] for r in event["Records"]]
                position = {
                    "Type": "AFTER_SEQUENCE_NUMBER",
                    "SequenceNumber": event["ContinuationSequenceNumber"],
                }
                if stop.is_set():
                    break
        except Exception:  # the server is away, or still counts the last subscription
            time.sleep(0.1)


def test_every_record_once_and_in_order_across_restarts(own):
    server, kinesis = own
    kinesis.create_stream(StreamName="s", ShardCount=1)
    consumer = register(kinesis, "s", "c")
    seen, stop, sent = [], threading.Event(), 0
    reader = threading.Thread(target=follow, args=(server, consumer, seen, stop), daemon=True)
    reader.start()
    for kill in (True, False, True):
        until(lambda: len(seen) >= sent, 60, "all that was sent")
        writer = threading.Thread(target=put_until_gone, args=(server.endpoint,), daemon=True)
        writer.start()
        time.sleep(1)  # some records under way when the server goes
        server.restart(kill=kill)
        writer.join()
        sent = len(drain(kinesis, iterator(kinesis, "s", FIRST))[0])
    there = [r["SequenceNumber"] for r in drain(kinesis, iterator(kinesis, "s", FIRST))[0]]
    until(lambda: len(seen) >= len(there), 60, "all that is there")
    stop.set()
    assert len(there) > 30 and seen == there


def put_until_gone(endpoint):
    kinesis = client(endpoint)
    try:
        while True:
            kinesis.put_record(StreamName="s", PartitionKey="a", Data=b"x")
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
        pass


# -- HTTP/2 ----------------------------------------------------------------------------------------


def read_events(answer, count):
    """Records' data of an HTTP/2 answer's events, until there are `count`."""
    frames, got = botocore.eventstream.EventStreamBuffer(), []
    for piece in answer.iter_raw():
        frames.add_data(piece)
        for frame in frames:
            if frame.headers[":event-type"] == "SubscribeToShardEvent":
                got += [r["Data"] for r in json.loads(frame.payload)["Records"]]
        if len(got) >= count:
            return got
    raise AssertionError(f"ended after {got}")


def test_subscriptions_share_an_http2_connection(server, kinesis, make_stream):
    stream = make_stream(4)
    body = [
        {"ConsumerARN": consumer, "ShardId": s["ShardId"]}
        for consumer in [register(kinesis, stream, f"c{i}") for i in range(3)]
        for s in shards(kinesis, stream)
    ]
    with httpx.Client(http1=False, http2=True, base_url=server.endpoint, timeout=30) as c:
        answers = []
        for one in body:
            request = c.build_request(
                "POST",
                "/",
                headers=dev_headers("SubscribeToShard"),
                content=json.dumps({**one, "StartingPosition": LATEST}),
            )
            answers.append(c.send(request, stream=True))
        assert {(a.status_code, a.http_version) for a in answers} == {(200, "HTTP/2")}
        for i, shard in enumerate(shards(kinesis, stream)):
            for data in (b"one", b"two"):
                kinesis.put_record(
                    StreamName=stream,
                    PartitionKey="a",
                    ExplicitHashKey=shard["HashKeyRange"]["StartingHashKey"],
                    Data=data + b"%d" % i,
                )
        for one, answer in list(zip(body, answers))[1:]:  # the first is not read, and holds up nobody
            n = int(one["ShardId"][-1])
            assert read_events(answer, 2) == [b64(b"one%d" % n), b64(b"two%d" % n)]
        for answer in answers:
            answer.close()


# -- many and slow --------------------------------------------------------------------------------


def subscribe_raw(server, consumer, shard=FIRST, position=LATEST, receive=None):
    """A socket whose answer has begun to come."""
    s = socket.socket()
    if receive:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    s.settimeout(30)
    s.connect(("127.0.0.1", server.port))
    body = json.dumps({"ConsumerARN": consumer, "ShardId": shard, "StartingPosition": position})
    s.sendall(request_bytes("POST", "/", dev_headers("SubscribeToShard"), body.encode()))
    return s


def read_head(s):
    got = b""
    while b"initial-response" not in got:
        more = s.recv(4096)
        assert more, got
        got += more
    assert got.startswith(b"HTTP/1.1 200 "), got


def test_a_client_that_stops_reading_slows_nobody_and_fills_no_memory(own):
    server, kinesis = own
    kinesis.create_stream(StreamName="s", ShardCount=1)
    stalled = [
        subscribe_raw(server, register(kinesis, "s", f"stalled-{i}"), receive=4096)
        for i in range(4)
    ]
    for s in stalled:
        read_head(s)
    reader = Reader(kinesis, register(kinesis, "s", "reads"))
    before = server.rss_kib()
    sent = [bytes([i % 256]) * 50_000 for i in range(600)]
    for i in range(0, len(sent), 20):
        kinesis.put_records(
            StreamName="s",
            Records=[{"Data": one, "PartitionKey": "a"} for one in sent[i : i + 20]],
        )
        assert reader.records(20)[0] == sent[i : i + 20]
    grown = server.rss_kib() - before
    # 30 MB went by: they are in the log's own memory once, and at most one event for each who stalls
    assert grown < (450 << 10 if server.sanitized() else 120 << 10)
    assert serves(server)
    for s in stalled:
        s.close()
    reader.close()


def test_many_subscriptions_cost_little_memory_and_hear_all(new_server):
    """A thousand; SUBSCRIPTIONS=10000 in the environment: so many."""
    many, consumer_count = int(os.environ.get("SUBSCRIPTIONS", 1000)), 20
    shard_count = many // consumer_count
    if raise_file_limit() < many + 1000:
        pytest.skip("too few files may be open")
    server = new_server(f"--connections-max={many + 500}")
    kinesis = client(server.endpoint)
    kinesis.create_stream(StreamName="s", ShardCount=shard_count)
    consumers = [register(kinesis, "s", f"c{i}") for i in range(consumer_count)]
    names = [s["ShardId"] for s in shards(kinesis, "s")]
    before = server.rss_kib()
    sockets = [subscribe_raw(server, c, n) for c in consumers for n in names]
    for s in sockets:
        read_head(s)
    each = (server.rss_kib() - before) / len(sockets)
    assert each < (160 if server.sanitized() else 40), f"{each} KiB each"
    begun = time.monotonic()
    for s in sockets[:: shard_count // 2]:
        assert b"ContinuationSequenceNumber" in s.recv(65536)  # an empty event
    assert time.monotonic() - begun < 6
    for i, shard in enumerate(shards(kinesis, "s")):
        kinesis.put_record(
            StreamName="s",
            PartitionKey="a",
            ExplicitHashKey=shard["HashKeyRange"]["StartingHashKey"],
            Data=b"for all",
        )
    for s in sockets:
        got = b""
        while b"Zm9yIGFsbA==" not in got:
            got = got[-16:] + s.recv(65536)
        s.close()
    metric = until(lambda: gauge(server, "sluice_subscriptions") == 0, 30, "all of them gone")
    assert metric and serves(server)


def gauge(server, name):
    with urllib.request.urlopen(f"{server.endpoint}/metrics", timeout=10) as page:
        for line in page.read().decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
    return None
