"""test_cbor.py: application/x-amz-cbor-1.1, as the AWS SDK for Java speaks it: written and read with cbor2, which shares
no code with the server, and compared with what JSON says of the same stream."""

import time

import cbor2
import pytest

import streams
from server import ACCOUNT
from wire import CBOR, JSON, TARGET, Connection, amz_date, b64, call, dev_headers, once, sign

TIME = 1  # AWS: tag 1 is whole milliseconds, not RFC 8949's seconds


def read(body):
    """The answer's map; a tag 1 stays a CBORTag, for cbor2 would take it for seconds."""
    return cbor2.loads(body, semantic_decoders={TIME: lambda value, _: cbor2.CBORTag(TIME, value)})


def write(members, indefinite=False):
    return cbor2.dumps(members, indefinite_containers=indefinite)


def ask(server, operation, members, indefinite=False, connection=None):
    """One CBOR call: the status, and the answer's map (None when empty)."""
    body = members if isinstance(members, bytes) else write(members, indefinite)
    headers = dev_headers(operation, content_type=CBOR)
    got = (
        connection.request(headers=headers, body=body)
        if connection
        else once(server, headers=headers, body=body)
    )
    assert got["content-type"] == CBOR, got
    assert "x-amzn-requestid" in got and "x-amz-id-2" in got
    if got.status == 400:
        assert got["x-amzn-errortype"] == read(got.body)["__type"]
    return got.status, read(got.body) if got.body else None


def ok(server, operation, members, **more):
    status, answer = ask(server, operation, members, **more)
    assert status == 200, answer
    return answer


def refused(server, operation, members, **more):
    """The error's name and message (None when it has none)."""
    status, answer = ask(server, operation, members, **more)
    assert status == 400, answer
    text = answer.get("message", answer.get("Message"))
    assert set(answer) <= {"__type", "message", "Message"}
    return answer["__type"], text


def iterator(server, name, **members):
    asked = {"StreamName": name, "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON", **members}
    return ok(server, "GetShardIterator", asked)["ShardIterator"]


def read_all(server, name, **members):
    at, records = iterator(server, name, **members), []
    while True:
        page = ok(server, "GetRecords", {"ShardIterator": at})
        records += page["Records"]
        at = page["NextShardIterator"]
        if not page["Records"] and page["MillisBehindLatest"] == 0:
            return records


# -- the life of a stream -------------------------------------------------------------------------------


@pytest.mark.parametrize("indefinite", [False, True])
def test_a_stream_lives_its_life_in_cbor(server, kinesis, new_name, indefinite):
    name = new_name()
    with Connection(server.port) as connection:

        def do(operation, members):
            return ok(server, operation, members, indefinite=indefinite, connection=connection)

        assert do("CreateStream", {"StreamName": name, "ShardCount": 2, "Tags": {"a": "1"}}) is None
        streams.wait_active(kinesis, name)
        assert name in do("ListStreams", {"Limit": 100, "ExclusiveStartStreamName": name[:-1]})[
            "StreamNames"
        ]
        found = do("ListShards", {"StreamName": name})["Shards"]
        assert [s["ShardId"] for s in found] == [f"shardId-{i:012d}" for i in range(2)]
        put = do("PutRecord", {"StreamName": name, "PartitionKey": "a", "Data": b"\x00\xff one"})
        assert set(put) == {"ShardId", "SequenceNumber"}
        puts = do(
            "PutRecords",
            {
                "StreamName": name,
                "Records": [
                    {"PartitionKey": "a", "Data": b""},
                    {"PartitionKey": "\u20ac" * 100, "Data": bytes(range(256)) * 100},
                    {"PartitionKey": "x", "Data": b"three", "ExplicitHashKey": "0"},
                ],
            },
        )
        assert puts["FailedRecordCount"] == 0
        assert [set(r) for r in puts["Records"]] == [{"ShardId", "SequenceNumber"}] * 3
        got = [r for i in range(2) for r in read_all(server, name, ShardId=str(i))]
        assert sorted(r["Data"] for r in got) == sorted(
            [b"\x00\xff one", b"", bytes(range(256)) * 100, b"three"]
        )
        for record in got:
            moment = record["ApproximateArrivalTimestamp"]
            assert moment.tag == TIME and type(moment.value) is int
            assert abs(moment.value - time.time() * 1000) < 60_000
        assert do("DeleteStream", {"StreamName": name, "EnforceConsumerDeletion": True}) is None
    streams.wait_gone(kinesis, name)


def test_cbor_and_json_say_the_same(server, stream):
    for n in range(5):
        ok(server, "PutRecord", {"StreamName": stream, "PartitionKey": str(n), "Data": b"\xfe" * n})
    asked = {"StreamName": stream}
    for operation in ("DescribeStream", "DescribeStreamSummary", "ListShards"):
        _, json = call(server, operation, asked)
        assert plain(ok(server, operation, asked)) == json
    at = iterator(server, stream)
    _, json = call(server, "GetRecords", {"ShardIterator": at})
    cbor = plain(ok(server, "GetRecords", {"ShardIterator": at}))
    assert len(json["Records"]) == 5 and cbor["Records"] == json["Records"]


def plain(value):
    """What JSON would say of it."""
    if isinstance(value, cbor2.CBORTag):
        assert value.tag == TIME and type(value.value) is int
        return value.value / 1000
    if isinstance(value, bytes):
        return b64(value)
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def test_answers_have_maps_and_lists_of_indefinite_length(server, stream):
    body = write({"ShardIterator": iterator(server, stream)})
    got = once(server, headers=dev_headers("GetRecords", content_type=CBOR), body=body)
    assert got.body.startswith(b"\xbf\x67Records\x9f\xff") and got.body.endswith(b"\xff")


@pytest.mark.parametrize("kind", [CBOR + "; charset=utf-8", " " + CBOR + " ;x", CBOR.upper()])
def test_a_content_type_is_cut_at_the_semicolon(server, kind):
    got = once(server, headers=dev_headers("ListStreams", content_type=kind), body=b"\xa0")
    assert got.status == 200 and got["content-type"] == CBOR and "StreamNames" in read(got.body)


@pytest.mark.parametrize("shape", ["tag", "untagged", "float", "half"])
def test_times_are_asked_for_in_milliseconds(server, stream, shape):
    first = ok(server, "PutRecord", {"StreamName": stream, "PartitionKey": "a", "Data": b"1"})
    (record,) = read_all(server, stream)
    moment = record["ApproximateArrivalTimestamp"].value
    # The next record must be of a later millisecond.
    streams.until(lambda: time.time() * 1000 > moment + 20)
    ok(server, "PutRecord", {"StreamName": stream, "PartitionKey": "a", "Data": b"2"})
    value = {
        "tag": cbor2.CBORTag(TIME, moment + 1),
        "untagged": moment + 1,
        "float": cbor2.CBORTag(TIME, float(moment + 1)),
        "half": b"\xf9\x00\x00",  # 1970: everything
    }[shape]
    asked = {
        "StreamName": stream,
        "ShardId": "0",
        "ShardIteratorType": "AT_TIMESTAMP",
        "Timestamp": None,
    }
    body = write(asked)
    assert body.endswith(b"\xf6")
    body = body[:-1] + (value if isinstance(value, bytes) else write(value))
    at = ok(server, "GetShardIterator", body)["ShardIterator"]
    page = ok(server, "GetRecords", {"ShardIterator": at})
    assert [r["Data"] for r in page["Records"]] == ([b"1", b"2"] if shape == "half" else [b"2"])
    assert first["SequenceNumber"] == record["SequenceNumber"]


def test_large_records_come_and_go(server, stream):
    data = bytes(i * 7 & 255 for i in range((1 << 20) - 1))  # the key counts too
    asked = {
        "StreamName": stream,
        "Records": [{"PartitionKey": "k", "Data": data}] * 4,
    }
    assert ok(server, "PutRecords", asked)["FailedRecordCount"] == 0
    assert [r["Data"] for r in read_all(server, stream)] == [data] * 4


def test_a_string_may_come_in_pieces(server, stream):
    name = stream.encode()
    body = (
        b"\xbf\x64Data\x5f\x43abc\x40\x43def\xff\x7f\x69Partition\x63Key\xff\x7f\x61k\x62ey\xff"
        + b"\x6aStreamName\x7f\x78"
        + bytes([len(name) - 1])
        + name[:-1]
        + b"\x61"
        + name[-1:]
        + b"\xff\xff"
    )
    ok(server, "PutRecord", body)
    (record,) = read_all(server, stream)
    assert record["Data"] == b"abcdef" and record["PartitionKey"] == "key"


# -- errors -------------------------------------------------------------------------------------------


def test_errors_are_maps_with_aws_words(server, new_name):
    name = new_name()
    assert refused(server, "DescribeStream", {"StreamName": name}) == (
        "ResourceNotFoundException",
        f"Stream {name} under account {ACCOUNT} not found.",
    )
    kind, text = refused(server, "PutRecord", {"StreamName": "a b", "Data": b""})
    assert kind == "ValidationException" and text.startswith("2 validation errors detected: ")
    assert "Value null at 'partitionKey'" in text
    got = once(
        server,
        headers=dev_headers("DescribeStream", content_type=CBOR),
        body=write({"StreamName": name}),
    )
    assert got.body[:1] == b"\xbf" and list(read(got.body)) == ["__type", "message"]


@pytest.mark.parametrize(
    "members, words",
    [
        ({"StreamName": 1}, "TruncatingBigNumber can not be converted to an String"),
        ({"StreamName": b"s"}, "class java.nio.HeapByteBuffer can not be converted to an String"),
        ({"StreamName": True}, "class java.lang.Boolean can not be converted to an String"),
        ({"StreamName": []}, "Start of list found where not expected"),
        ({"StreamName": {}}, "Start of structure or map found where not expected."),
        ({"Data": "aGVsbG8="}, "class java.lang.String can not be converted to a Blob"),
    ],
)
def test_a_wrong_type_is_a_serialization_exception(server, members, words):
    status, answer = ask(server, "PutRecord", members)
    assert status == 400 and answer["__type"] == "SerializationException"
    assert answer["Message"].endswith(words)


BROKEN = [
    b"{}",
    b"\x80",
    b"\x01",
    b"\xf6",
    b"\xa1",
    b"\xbf",
    b"\xa0\xa0",
    b"\xa1\x61x\x1c",
    b"\xa1\x61x\x61\xff",
    b"\xa1\x01\x01",
    b"\xff",
    b"\x9f" * 100_000,
    b"\xbf\x61a" * 100_000,
    b"\xa1\x61x\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xa1\x61x\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
]


@pytest.mark.parametrize("body", BROKEN)
def test_what_is_no_map_is_a_serialization_exception_before_auth(server, body):
    for target in ({"X-Amz-Target": TARGET + "ListStreams"}, {"X-Amz-Target": TARGET + "No"}, {}):
        got = once(server, headers={"Content-Type": CBOR, **target}, body=body)
        assert got.status == 400 and got["content-type"] == CBOR
        assert read(got.body) == {"__type": "SerializationException"}
    assert ask(server, "ListStreams", body) == (400, {"__type": "SerializationException"})


def test_what_is_asked_for_is_looked_at_before_auth(server):
    for target in ({"X-Amz-Target": TARGET + "Nothing"}, {"X-Amz-Target": "x"}, {}):
        got = once(server, headers={"Content-Type": CBOR, **target}, body=b"\xa0")
        assert got.status == 400 and got["content-type"] == CBOR
        assert read(got.body) == {"__type": "UnknownOperationException"}


def test_no_credentials_are_refused_in_cbor(server):
    headers = {"Content-Type": CBOR, "X-Amz-Target": TARGET + "ListStreams"}
    got = once(server, headers=headers, body=b"\xa0")
    assert got.status == 400 and got["content-type"] == CBOR
    assert read(got.body) == {
        "__type": "MissingAuthenticationTokenException",
        "message": "Missing Authentication Token",
    }


def test_signatures_are_checked_over_cbor(new_server):
    server = new_server(dev=False)
    key, secret = server.root_key()
    headers = {"Content-Type": CBOR, "X-Amz-Target": TARGET + "ListStreams"}
    body = b"\xbf\x65Limit\x05\xff"
    signed = sign(headers, body, key, secret, stamp=amz_date())
    got = once(server, headers=signed, body=body, tls=server.ca)
    assert got.status == 200 and read(got.body)["StreamNames"] == []
    got = once(server, headers=signed, body=body.replace(b"\x05", b"\x06"), tls=server.ca)
    assert got.status == 400 and read(got.body)["__type"] == "InvalidSignatureException"


def test_one_connection_may_speak_both(server, stream):
    with Connection(server.port) as connection:
        for n in range(6):
            kind = JSON if n % 2 else CBOR
            data = b64(b"x") if n % 2 else b"x"
            members = {"StreamName": stream, "PartitionKey": "k", "Data": data}
            if n % 2:
                assert call(server, "PutRecord", members, connection)[0] == 200
            else:
                ok(server, "PutRecord", members, connection=connection)
            got = connection.request(headers=dev_headers("Nothing", content_type=kind), body=b"")
            assert got["content-type"] == kind
    assert [r["Data"] for r in read_all(server, stream)] == [b"x"] * 6
