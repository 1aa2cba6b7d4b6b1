"""test_idempotent.py: puts with the header x-sluice-producer, by boto3: what is put again is stored once, whatever happens in between."""

import collections
import concurrent.futures
import itertools
import re
import threading
import uuid

import boto3
import botocore.config
import pytest

from lossy import LossyProxy
from server import REGION
from streams import (
    client,
    open_shards,
    read_stream,
    refused,
    split,
    wait_active,
)
from test_metrics import scrape


class Producer:
    """Adds the header to the puts of a client: `numbers` of the next request."""

    def __init__(self, kinesis, epoch=1, id=None):
        self.kinesis, self.epoch = kinesis, epoch
        self.id = id or uuid.uuid4().hex
        self.numbers = None
        # Once a call, before it is signed, not once a try: a retry repeats its numbers.
        for operation in ("PutRecord", "PutRecords"):
            kinesis.meta.events.register(f"before-call.kinesis.{operation}", self.add)

    def add(self, params, **_):
        if self.numbers is not None:
            params["headers"]["x-sluice-producer"] = f"{self.id};{self.epoch};{self.numbers}"

    def put(self, stream, numbers, records):
        self.numbers = numbers
        return self.kinesis.put_records(StreamName=stream, Records=records)["Records"]

    def put_one(self, stream, number, record):
        self.numbers = number
        got = self.kinesis.put_record(StreamName=stream, **record)
        return {"SequenceNumber": got["SequenceNumber"], "ShardId": got["ShardId"]}


def records(first, count):
    return [{"Data": f"{n}".encode(), "PartitionKey": f"k{n}"} for n in range(first, first + count)]


def patient(endpoint):
    """A boto3 client that retries, as those of users do."""
    config = botocore.config.Config(
        retries={"mode": "standard", "total_max_attempts": 5}, read_timeout=60
    )
    return boto3.session.Session().client(
        "kinesis",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="dev",
        aws_secret_access_key="dev",
        config=config,
    )


def placed(kinesis, stream):
    """Where each payload is: {data: [(shard, sequence number), ...]}."""
    found = collections.defaultdict(list)
    for shard, got in read_stream(kinesis, stream).items():
        for record in got:
            found[record["Data"].decode()].append((shard, record["SequenceNumber"]))
    return found


def answered(entries):
    return [(e["ShardId"], e["SequenceNumber"]) for e in entries]


def assert_stored_once(kinesis, stream, answers):
    """`answers`: what was told of payload 0, 1, ..."""
    found = placed(kinesis, stream)
    assert {d: places for d, places in found.items() if len(places) > 1} == {}
    assert [found[str(n)] for n in range(len(answers))] == [[a] for a in answers]
    assert len(found) == len(answers)


@pytest.fixture
def stream(server):
    kinesis = client(server.endpoint)
    name = f"idempotent-{uuid.uuid4().hex[:8]}"
    kinesis.create_stream(StreamName=name, ShardCount=3)
    wait_active(kinesis, name)
    yield name
    kinesis.delete_stream(StreamName=name)


@pytest.fixture
def lossy(server):
    """A proxy that loses every second answer of a put."""
    turn = itertools.count()
    proxy = LossyProxy(server.port, lambda request: b".PutRecord" in request and next(turn) % 2 == 0)
    yield proxy
    proxy.close()


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_records_whose_answers_were_lost_are_stored_once(server, stream, lossy, encrypted):
    direct = client(server.endpoint)
    if encrypted:
        direct.start_stream_encryption(
            StreamName=stream, EncryptionType="KMS", KeyId="alias/aws/kinesis"
        )
        wait_active(direct, stream)
    producer = Producer(patient(lossy.endpoint))
    answers = []
    for first in range(0, 400, 40):
        answers += answered(producer.put(stream, first, records(first, 40)))
    for n in range(400, 410):
        answers += answered([producer.put_one(stream, n, records(n, 1)[0])])
    assert lossy.lost == 20
    assert_stored_once(direct, stream, answers)


def test_without_the_header_they_are_stored_twice(server, stream, lossy):
    kinesis = patient(lossy.endpoint)
    for first in range(0, 200, 40):
        kinesis.put_records(StreamName=stream, Records=records(first, 40))
    assert lossy.lost == 5
    found = placed(client(server.endpoint), stream)
    assert [len(found[str(n)]) for n in range(200)] == [2] * 200


def test_what_is_known_is_answered_and_what_is_new_is_stored(server, stream):
    kinesis = client(server.endpoint)
    producer = Producer(kinesis)
    first = answered(producer.put(stream, "0+10", records(0, 10)))
    assert answered(producer.put(stream, "0", records(0, 10))) == first
    second = answered(producer.put(stream, "5+10", records(5, 10)))
    assert second[:5] == first[5:]
    # Any order, in ranges.
    third = producer.put(stream, "12+3,0+2,20+1,15+5", records(12, 3) + records(0, 2) + records(20, 1) + records(15, 5))
    third = answered(third)
    assert third[:5] == second[7:] + first[:2]
    assert producer.put_one(stream, 3, records(3, 1)[0]) == {
        "ShardId": first[3][0],
        "SequenceNumber": first[3][1],
    }
    other = Producer(client(server.endpoint))
    again = other.put_one(stream, 3, {"Data": b"another's", "PartitionKey": "k3"})
    assert again["SequenceNumber"] > first[3][1]
    producer.numbers = None
    kinesis.put_record(StreamName=stream, Data=b"nobody's", PartitionKey="k3")
    found = placed(kinesis, stream)
    assert sorted(map(len, found.values())) == [1] * 23
    assert [found[str(n)][0] for n in range(15)] == first + second[5:]


def test_five_hundred_ranges_fit(server, stream):
    """What a producer who retries the rest of many requests may send."""
    producer = Producer(client(server.endpoint))
    numbers = [10**11 + 3 * n for n in range(500)]
    text = ",".join(f"{n}+1" for n in reversed(numbers))
    first = answered(producer.put(stream, text, records(0, 500)))
    assert answered(producer.put(stream, text, records(0, 500))) == first
    assert_stored_once(producer.kinesis, stream, first)


def test_a_record_that_is_refused_keeps_its_number_for_later(server, stream):
    kinesis = client(server.endpoint)
    producer = Producer(kinesis)
    three = records(0, 3)
    three[1]["Data"] = b"x" * (1 << 20)
    got = producer.put(stream, 0, three)
    assert got[1]["ErrorCode"] == "InvalidArgumentException"
    again = producer.put(stream, 0, records(0, 3))
    assert answered([again[0], again[2]]) == answered([got[0], got[2]])
    assert_stored_once(kinesis, stream, answered(again))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "0",
        ";;",
        "{id};1",
        "{id};1;",
        "{id};;1",
        "{id};-1;1",
        "{id};1;x",
        "{id};1;1+2",
        "{id};1;1+4",
        "{id};1;1+0,2+3",
        "{id};1;1+1,3+1",
        "{id};1;1+1,,3+2",
        "{id};1;1+2,",
        "{id};1;1,2,3",
        "{id};1;18446744073709551613",
        "{id};1;18446744073709551616",
        "{id};18446744073709551616;1",
        "{id}0;1;1",
        "{id};1;1;1",
        "x{id31};1;1",
    ],
)
def test_a_header_that_is_not_right_is_refused(server, stream, header):
    kinesis = client(server.endpoint)
    id_ = uuid.uuid4().hex
    text = header.format(id=id_, id31=id_[1:])
    kinesis.meta.events.register(
        "before-call.kinesis.PutRecords",
        lambda params, **_: params["headers"].update({"x-sluice-producer": text}),
    )
    code, message = refused(kinesis.put_records, StreamName=stream, Records=records(0, 3))
    assert code == "InvalidArgumentException"
    assert message.startswith(
        "The header x-sluice-producer must be of the form producer;epoch;numbers: "
    )
    assert message.endswith("that cover the 3 records of the request.")


def test_a_number_given_to_two_records_is_refused(server, stream):
    producer = Producer(client(server.endpoint))
    producer.numbers = "5+2,6+1"
    assert refused(producer.kinesis.put_records, StreamName=stream, Records=records(0, 3)) == (
        "InvalidArgumentException",
        "The header x-sluice-producer gives number 6 to two records.",
    )


def test_an_older_epoch_is_fenced_where_a_newer_one_was_seen(server, stream):
    kinesis = client(server.endpoint)
    new = Producer(kinesis, epoch=2)
    new.put_one(stream, 0, {"Data": b"a", "PartitionKey": "k"})
    old = Producer(client(server.endpoint), epoch=1, id=new.id)
    old.numbers = 7
    code, message = refused(
        old.kinesis.put_record, StreamName=stream, Data=b"b", PartitionKey="k"
    )
    assert code == "InvalidArgumentException"
    assert re.fullmatch(
        rf"Producer {new.id} is fenced: shard shardId-00000000000\d in stream {stream} under account "
        r"000000000000 has seen its epoch 2, which ended epoch 1\.",
        message,
    )
    got = old.put(stream, 7, [{"Data": b"b", "PartitionKey": "k"}])
    assert (got[0]["ErrorCode"], got[0]["ErrorMessage"]) == (code, message)
    newest = Producer(client(server.endpoint), epoch=3, id=new.id)
    assert "SequenceNumber" in newest.put_one(stream, 0, {"Data": b"c", "PartitionKey": "k"})
    assert sorted(placed(kinesis, stream)) == ["a", "c"]


def test_a_number_below_the_window_is_refused_and_the_others_are_not(server, stream):
    kinesis = client(server.endpoint)
    producer = Producer(kinesis)
    for first in range(0, 5000, 500):
        producer.put(stream, 100 + first, [{"Data": b"x", "PartitionKey": "k"}] * 500)
    got = producer.put(stream, "3+1,5099+2", [{"Data": b"x", "PartitionKey": "k"}] * 3)
    assert got[0]["ErrorCode"] == "InvalidArgumentException"
    assert re.fullmatch(
        rf"Number 3 of producer {producer.id} is too old: shard shardId-00000000000\d in stream {stream} "
        r"under account 000000000000 no longer knows whether it was stored\.",
        got[0]["ErrorMessage"],
    )
    assert "SequenceNumber" in got[1] and "SequenceNumber" in got[2]
    producer.numbers = 3
    assert refused(kinesis.put_record, StreamName=stream, Data=b"x", PartitionKey="k") == (
        "InvalidArgumentException",
        got[0]["ErrorMessage"],
    )
    assert len(placed(kinesis, stream)["x"]) == 5001


def reshard_all(kinesis, stream):
    """Every shard is split, then two merged, then all are counted anew."""
    for shard in open_shards(kinesis, stream):
        split(kinesis, stream, shard["ShardId"])
        wait_active(kinesis, stream)
    low, high = sorted(
        open_shards(kinesis, stream), key=lambda s: int(s["HashKeyRange"]["StartingHashKey"])
    )[1:3]
    kinesis.merge_shards(
        StreamName=stream,
        ShardToMerge=low["ShardId"],
        AdjacentShardToMerge=high["ShardId"],
    )
    wait_active(kinesis, stream)
    kinesis.update_shard_count(
        StreamName=stream, TargetShardCount=4, ScalingType="UNIFORM_SCALING"
    )
    wait_active(kinesis, stream)


def test_what_a_parent_stored_is_known_for_its_children(server, stream):
    kinesis = client(server.endpoint)
    producer = Producer(kinesis)
    first = answered(producer.put(stream, 0, records(0, 200)))
    reshard_all(kinesis, stream)
    second = answered(producer.put(stream, 0, records(0, 300)))
    assert second[:200] == first
    reshard_all(kinesis, stream)
    third = answered(producer.put(stream, 0, records(0, 300)))
    assert third == second
    assert_stored_once(kinesis, stream, third)


def test_reshards_while_answers_are_lost_store_nothing_twice(server, stream, lossy):
    direct = client(server.endpoint)
    answers, stop = [], threading.Event()

    def put_on():
        producer = Producer(patient(lossy.endpoint))
        while not stop.is_set() or lossy.lost <= 3:
            n = len(answers)
            answers.extend(answered(producer.put(stream, n, records(n, 30))))

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        putting = pool.submit(put_on)
        try:
            reshard_all(direct, stream)
            reshard_all(direct, stream)
        finally:
            stop.set()
        putting.result()
    assert lossy.lost > 3
    assert_stored_once(direct, stream, answers)


@pytest.mark.parametrize("kill", [False, True], ids=["SIGTERM", "SIGKILL"])
def test_what_was_stored_is_known_after_a_restart(new_server, kill):
    server = new_server()
    kinesis = client(server.endpoint)
    kinesis.create_stream(StreamName="s", ShardCount=2)
    wait_active(kinesis, "s")
    producer = Producer(kinesis)
    answers = answered(producer.put("s", 0, records(0, 100)))
    for turn in range(3):
        server.restart(kill=kill)
        producer = Producer(client(server.endpoint), id=producer.id)
        again = answered(producer.put("s", 0, records(0, len(answers) + 50)))
        assert again[: len(answers)] == answers
        answers = again
        if turn == 1:
            reshard_all(producer.kinesis, "s")
    assert_stored_once(producer.kinesis, "s", answers)
    samples, _ = scrape(server)
    assert sum(value for name, value in samples.items() if "sluice_log_producers" in name) > 0
