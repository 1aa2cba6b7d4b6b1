"""test_inject.py: injected faults as boto3 meets them: what its retries ride over, and what they cost."""

import json
import signal
import subprocess
import time

import boto3
import botocore.config
import h2.errors
import h2.events
import pytest

from server import REGION, binary, clean_environment
from streams import client, iterator, read_shard, refused, until, wait_active
from test_http2 import Raw
from test_metrics import scrape
from wire import Closed, Connection, dev_headers, b64

OURS = "Sluice_20261101."
SHARD = "shardId-000000000000"


def patient(server):
    """A boto3 client that retries, as those of users do."""
    config = botocore.config.Config(
        retries={"mode": "standard", "total_max_attempts": 20}, read_timeout=60
    )
    return boto3.session.Session().client(
        "kinesis",
        endpoint_url=server.endpoint,
        region_name=REGION,
        aws_access_key_id="dev",
        aws_secret_access_key="dev",
        config=config,
    )


def ours(server, operation, members):
    with Connection(server.port) as c:
        got = c.request(headers=dev_headers(operation, OURS), body=json.dumps(members).encode())
    return got.status, json.loads(got.body) if got.body else None


def put_rules(server, *rules):
    assert ours(server, "PutFaultRules", {"Rules": list(rules)}) == (200, None)


def counts(server):
    """How often each rule hit."""
    return [c["Injected"] for c in ours(server, "GetFaultRules", {})[1]["Counts"]]


@pytest.fixture
def faulty(new_server):
    """A --dev server with a stream "s" of one shard."""
    server = new_server()
    kinesis = client(server.endpoint)
    kinesis.create_stream(StreamName="s", ShardCount=1)
    wait_active(kinesis, "s")
    return server, kinesis


def test_errors_come_as_the_rules_say(faulty):
    server, kinesis = faulty
    put_rules(
        server,
        {
            "Operation": "PutRecord",
            "StreamName": "s",
            "Error": {"Name": "KMSAccessDeniedException", "Message": "no key"},
        },
    )
    put = {"StreamName": "s", "Data": b"x", "PartitionKey": "k"}
    assert refused(kinesis.put_record, **put) == ("KMSAccessDeniedException", "no key")
    with pytest.raises(kinesis.exceptions.KMSAccessDeniedException):
        kinesis.put_record(**put)
    put_rules(server)
    kinesis.put_record(**put)


def test_retries_ride_over_throttles(faulty):
    server, _ = faulty
    put_rules(server, {"Operation": "PutRecord", "Times": 3, "Throttle": True})
    patient(server).put_record(StreamName="s", Data=b"x", PartitionKey="k")
    assert counts(server) == [3]
    samples, _ = scrape(server)
    assert samples['sluice_faults_injected_total{action="throttle"}'] == 3


def test_records_of_a_batch_fail_by_themselves(faulty):
    server, kinesis = faulty
    put_rules(server, {"Probability": 0.5, "Seed": 42, "Throttle": True})

    def failed():
        put = kinesis.put_records(
            StreamName="s", Records=[{"Data": b"x", "PartitionKey": "k"}] * 200
        )
        return ["ErrorCode" in e for e in put["Records"]]

    first = failed()
    assert 60 < sum(first) < 140
    put_rules(server, {"Probability": 0.5, "Seed": 42, "Throttle": True})
    assert failed() == first  # the same seed, the same faults


def test_a_lost_answer_makes_the_sdk_put_twice(faulty):
    server, kinesis = faulty
    put_rules(server, {"Operation": "PutRecord", "Times": 2, "Drop": "AFTER"})
    put = patient(server).put_record(StreamName="s", Data=b"x", PartitionKey="k")
    assert counts(server) == [2]
    stored = read_shard(kinesis, "s", SHARD)
    assert [r["Data"] for r in stored] == [b"x"] * 3
    assert stored[-1]["SequenceNumber"] == put["SequenceNumber"]


def test_a_request_that_never_ran_is_put_once(faulty):
    server, kinesis = faulty
    put_rules(server, {"Operation": "PutRecord", "Times": 2, "Drop": "BEFORE"})
    patient(server).put_record(StreamName="s", Data=b"x", PartitionKey="k")
    assert counts(server) == [2]
    assert len(read_shard(kinesis, "s", SHARD)) == 1


@pytest.mark.parametrize("operation", ["ListStreams", "PutRecord"])  # answered at once, and later
@pytest.mark.parametrize("point", ["BEFORE", "AFTER"])
@pytest.mark.parametrize("tls", [False, True])
def test_a_dropped_connection_closes_without_a_byte(faulty, point, operation, tls):
    server, _ = faulty
    put_rules(server, {"Operation": operation, "Drop": point})
    body = json.dumps({"StreamName": "s", "Data": b64("x"), "PartitionKey": "k"}).encode()
    with Connection(server.port, tls=server.ca if tls else None) as c:
        with pytest.raises(Closed):
            c.request(headers=dev_headers(operation), body=body)
        assert c.rest == b""
    assert client(server.endpoint).describe_limits()  # the others are served


@pytest.mark.parametrize("point, stored", [("BEFORE", 0), ("AFTER", 1)])
def test_over_http2_a_drop_resets_the_request_and_spares_the_connection(faulty, point, stored):
    server, kinesis = faulty
    put_rules(server, {"Operation": "PutRecord", "Times": 1, "Drop": point})
    body = json.dumps({"StreamName": "s", "Data": b64("x"), "PartitionKey": "k"}).encode()
    raw = Raw(server)
    number = raw.request(dev_headers("PutRecord"), body)
    raw.flush()
    event = raw.events((h2.events.StreamReset, h2.events.ResponseReceived))
    assert isinstance(event, h2.events.StreamReset) and event.stream_id == number
    assert event.error_code == h2.errors.ErrorCodes.INTERNAL_ERROR
    assert len(read_shard(kinesis, "s", SHARD)) == stored
    raw.request(dev_headers("PutRecord"), body)  # on the same connection
    raw.flush()
    assert raw.events(h2.events.ResponseReceived)


def test_latency_holds_up_only_whom_it_is_meant_for(new_server):
    server = new_server("--threads", "1")
    kinesis = client(server.endpoint)
    put_rules(server, {"Operation": "ListStreams", "Latency": {"MinMs": 1500, "MaxMs": 1600}})
    begun = time.monotonic()
    with Connection(server.port) as slow:
        body = b"{}"
        head = "".join(f"{n}: {v}\r\n" for n, v in dev_headers("ListStreams").items())
        slow.send(f"POST / HTTP/1.1\r\nHost: x\r\n{head}Content-Length: 2\r\n\r\n".encode() + body)
        kinesis.describe_limits()
        assert time.monotonic() - begun < 1.5
        assert slow.answer().status == 200
        assert time.monotonic() - begun >= 1.5


def test_a_client_that_leaves_during_latency_harms_nobody(faulty):
    server, kinesis = faulty
    put_rules(server, {"Operation": "ListStreams", "Latency": {"MinMs": 300}})
    for _ in range(20):
        with Connection(server.port) as c:
            head = "".join(f"{n}: {v}\r\n" for n, v in dev_headers("ListStreams").items())
            c.send(f"POST / HTTP/1.1\r\nHost: x\r\n{head}Content-Length: 2\r\n\r\n{{}}".encode())
    until(lambda: counts(server) == [20], 10, "all twenty")
    assert kinesis.describe_limits()


# -- the file --------------------------------------------------------------------------------------------


def test_the_file_is_read_at_start_and_on_sighup(new_server, tmp_path):
    path = tmp_path / "faults.json"

    def write(*rules):
        path.write_text(json.dumps({"Rules": list(rules)}))

    write({"Operation": "DescribeLimits", "Error": {"Name": "LimitExceededException"}})
    server = new_server("--inject", str(path))
    kinesis = client(server.endpoint)
    assert refused(kinesis.describe_limits)[0] == "LimitExceededException"
    write({"Operation": "ListStreams", "Error": {"Name": "InternalFailure"}})
    server.process.send_signal(signal.SIGHUP)
    until(lambda: counts(server) == [0] and not named(server, "DescribeLimits"), 10, "the new rules")
    assert kinesis.describe_limits()
    path.write_text('{"Rules": [\n {"Operation": "Nope", "Throttle": true}\n]}')
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "there is no operation Nope" in server.stderr, 10, "the complaint")
    assert named(server, "ListStreams")  # those before stay


def named(server, operation):
    rules = ours(server, "GetFaultRules", {})[1]["Rules"]
    return any(r["Operation"] == operation for r in rules)


@pytest.mark.parametrize(
    "text, words",
    [
        ('{"Rules": [\n {"Throttle": yes}\n]}', "line 2: invalid token near 'yes'"),
        ('{"Rules": [{"Thrott": true}]}', 'Rules[0]: there is no member "Thrott"'),
        ('{"Rules": [{"Throttle": true, "Probability": 2}]}', "rules.1.member.probability"),
        ('{"Rules": [{"Throttle": true, "Drop": "AFTER"}]}', "Rules[0]: a rule does one thing"),
        ("x" * (256 * 1024 + 1), "faults.json"),
        (None, "faults.json"),
    ],
)
def test_a_bad_file_is_refused_at_start(tmp_path, text, words):
    path = tmp_path / "faults.json"
    if text is not None:
        path.write_text(text)
    flags = ["--dev", "--data", str(tmp_path / "data"), "--listen-port", "0", "--inject", str(path)]
    ended = subprocess.run(
        [binary(), "serve", *flags],
        capture_output=True,
        text=True,
        env=clean_environment(),
        timeout=60,
    )
    assert ended.returncode == 1
    assert f"--inject {path}: " in ended.stderr and words in ended.stderr
    assert "Sanitizer" not in ended.stderr


def test_without_inject_and_dev_nobody_can_inject(new_server):
    server = new_server("--plain", dev=False)
    with Connection(server.port) as c:
        got = c.request(headers=dev_headers("PutFaultRules", OURS), body=b'{"Rules":[]}')
    assert got.status == 400 and got.json() == {"__type": "UnknownOperationException"}


def test_with_inject_alone_the_operations_want_a_signature(new_server, tmp_path):
    path = tmp_path / "faults.json"
    path.write_text('{"Rules": []}')
    server = new_server("--plain", "--inject", str(path), dev=False)
    with Connection(server.port) as c:
        got = c.request(headers=dev_headers("PutFaultRules", OURS), body=b'{"Rules":[]}')
    assert got.status == 400 and got.json()["__type"] == "UnrecognizedClientException"


def test_a_stale_iterator_can_be_had_at_will(faulty):
    server, kinesis = faulty
    put_rules(server, {"ShardId": SHARD, "Error": {"Name": "ExpiredIteratorException"}})
    put_rules(
        server, {"Operation": "GetRecords", "Times": 1, "Error": {"Name": "ExpiredIteratorException"}}
    )
    at = iterator(kinesis, "s", SHARD)
    assert refused(kinesis.get_records, ShardIterator=at)[0] == "ExpiredIteratorException"
    assert kinesis.get_records(ShardIterator=at)["Records"] == []
