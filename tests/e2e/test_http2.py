"""test_http2.py: HTTP/2 on the same port, with prior knowledge and by ALPN: httpx, curl, and frames by hand (h2)."""

import asyncio
import json
import os
import socket
import ssl
import subprocess

import h2.config
import h2.connection
import h2.errors
import h2.events
import httpx
import pytest

from wire import b64, dev_headers, serves, sign, TARGET

CALLS_AT_ONCE = 100


@pytest.fixture(scope="module")
def guarded(data_root):
    from server import Server

    one = Server(data=os.path.join(data_root, "http2-tls-only"), dev=False).start()
    yield one
    one.stop()


def trusting(server):
    return ssl.create_default_context(cafile=server.ca)


@pytest.fixture
def plain(server):
    with httpx.Client(http1=False, http2=True, base_url=server.endpoint, timeout=30) as c:
        yield c


@pytest.fixture
def secure(server):
    with httpx.Client(http2=True, base_url=server.tls_endpoint, verify=trusting(server), timeout=30) as c:
        yield c


def call(client, operation, **members):
    got = client.post("/", headers=dev_headers(operation), content=json.dumps(members))
    assert got.http_version == "HTTP/2"
    return got


@pytest.mark.parametrize("kind", ["plain", "secure"])
def test_put_and_read_over_http2(kind, request, stream):
    client = request.getfixturevalue(kind)
    large = os.urandom(900_000)
    for data in (b"small", large):
        put = call(client, "PutRecord", StreamName=stream, Data=b64(data), PartitionKey="k")
        assert put.status_code == 200, put.text
    at = call(client, "GetShardIterator", StreamName=stream, ShardId="0", ShardIteratorType="TRIM_HORIZON")
    got = call(client, "GetRecords", ShardIterator=at.json()["ShardIterator"])
    assert [r["Data"] for r in got.json()["Records"]] == [b64(b"small"), b64(large)]
    assert len(got.headers["x-amz-id-2"]) >= 64 and len(got.headers["x-amzn-requestid"]) == 36
    assert "connection" not in got.headers and "transfer-encoding" not in got.headers


def test_answers_are_those_of_http1(server, plain):
    for method, path, headers, body in (
        ("GET", "/", {}, b""),
        ("POST", "/", dev_headers("ListStreams"), b"{"),
        ("POST", "/", dev_headers("NoSuchThing"), b"{}"),
        ("POST", "/x", {**dev_headers("ListStreams"), "content-type": "text/plain"}, b"{}"),
        ("OPTIONS", "/", {"origin": "http://a", "access-control-request-method": "POST"}, b""),
        ("POST", "/", {"content-type": "application/x-amz-json-1.1"}, b""),
    ):
        two = plain.request(method, path, headers=headers, content=body)
        one = httpx.request(method, server.endpoint + path, headers=headers, content=body)
        assert (two.http_version, one.http_version) == ("HTTP/2", "HTTP/1.1")
        assert (two.status_code, two.content) == (one.status_code, one.content)
        unlike = {"x-amzn-requestid", "x-amz-id-2", "date"}
        assert {n: v for n, v in two.headers.items() if n not in unlike} == {
            n: v for n, v in one.headers.items() if n not in unlike | {"connection"}
        }


def test_a_hundred_calls_at_once_on_one_connection(server, stream):
    async def run():
        limits = httpx.Limits(max_connections=1)
        async with httpx.AsyncClient(http1=False, http2=True, limits=limits, timeout=60) as client:
            before = await client.get(server.endpoint + "/health")

            async def put(n):
                body = json.dumps({"StreamName": stream, "Data": b64(str(n)), "PartitionKey": "k"})
                return await client.post(server.endpoint, headers=dev_headers("PutRecord"), content=body)

            answers = await asyncio.gather(*(put(n) for n in range(CALLS_AT_ONCE)))
            after = await client.get(server.endpoint + "/health")
            return before.json(), answers, after.json()

    before, answers, after = asyncio.run(run())
    assert all(a.status_code == 200 and a.http_version == "HTTP/2" for a in answers)
    assert len({a.json()["SequenceNumber"] for a in answers}) == CALLS_AT_ONCE
    assert after["connections"] == before["connections"]


def test_signatures_are_checked_with_the_authority_as_the_host(guarded):
    body = b"{}"
    key = guarded.root_key()
    host = f"127.0.0.1:{guarded.port}"
    headers = {"host": host, "x-amz-target": TARGET + "ListStreams", "content-type": "application/x-amz-json-1.1"}
    signed = sign({**headers, "Host": host}, body, *key)
    signed.pop("Host")
    with httpx.Client(http2=True, verify=trusting(guarded)) as client:
        got = client.post(guarded.tls_endpoint, headers=signed, content=body)
        assert (got.http_version, got.status_code) == ("HTTP/2", 200), got.text
        got = client.post(guarded.tls_endpoint, headers=signed, content=b"{} ")
        assert got.json()["__type"] == "InvalidSignatureException"


def curl(*words):
    done = subprocess.run(
        ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_version} %{response_code}", *words],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.split() if done.returncode == 0 else done.stderr


@pytest.mark.skipif(subprocess.run(["which", "curl"], capture_output=True).returncode != 0, reason="no curl")
def test_curl_negotiates(server):
    health = server.tls_endpoint.replace("127.0.0.1", "localhost") + "/health"
    assert curl("--http2", "--cacert", server.ca, health) == ["2", "200"]
    assert curl("--http1.1", "--cacert", server.ca, health) == ["1.1", "200"]
    assert curl("--http2-prior-knowledge", server.endpoint + "/health") == ["2", "200"]
    # An Upgrade from HTTP/1.1 (taken out of HTTP/2 by RFC 9113) is passed over: the answer is HTTP/1.1's.
    assert curl("--http2", server.endpoint + "/health") == ["1.1", "200"]


# -- frames by hand


class Raw:
    def __init__(self, server, timeout=30):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=timeout)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def request(self, headers, body=None, path=b"/"):
        number = self.h2.get_next_available_stream_id()
        head = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"localhost"), (b":path", path)]
        self.h2.send_headers(number, head + [(n.lower(), v) for n, v in headers.items()], end_stream=body is None)
        if body is not None:
            self.h2.send_data(number, body, end_stream=True)
        return number

    def events(self, until):
        """Reads until `until` (a type of event) has come; None when the server closed first."""
        while True:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            for event in self.h2.receive_data(data):
                if isinstance(event, until):
                    return event
            self.flush()

    def ends(self):
        return self.events(()) is None


def test_closing_answers_what_is_in_flight_and_says_goodbye(new_server):
    one = new_server()
    idle, busy = Raw(one), Raw(one)
    for raw in (idle, busy):
        raw.request(dev_headers("ListStreams"), b"{}")
        raw.flush()
        assert raw.events(h2.events.StreamEnded)
    one.stop()
    for raw in (idle, busy):
        goodbye = raw.events(h2.events.ConnectionTerminated)
        assert goodbye.error_code == h2.errors.ErrorCodes.NO_ERROR and goodbye.last_stream_id == 1
        assert raw.ends()


def test_without_plain_http_the_preface_is_told_to_use_tls(guarded):
    raw = Raw(guarded)
    goodbye = raw.events(h2.events.ConnectionTerminated)
    assert goodbye.error_code == h2.errors.ErrorCodes.INADEQUATE_SECURITY
    assert raw.ends()


def test_a_storm_of_resets_is_ended_and_harms_nobody(server):
    raw = Raw(server)
    try:
        for n in range(20_000):
            raw.h2.reset_stream(raw.request(dev_headers("ListStreams")))
            if n % 100 == 99:  # together, so that the resets are there before the answers
                raw.flush()
    except (BrokenPipeError, ConnectionResetError):
        pass
    goodbye = raw.events(h2.events.ConnectionTerminated)
    assert goodbye is None or goodbye.error_code == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
    assert serves(server)


def test_a_reader_who_opens_no_window_holds_up_nobody(server, plain, make_stream):
    name = make_stream()
    for _ in range(3):
        assert call(plain, "PutRecord", StreamName=name, Data=b64(os.urandom(700_000)), PartitionKey="k").status_code == 200
    at = call(plain, "GetShardIterator", StreamName=name, ShardId="0", ShardIteratorType="TRIM_HORIZON").json()
    raw = Raw(server)  # its windows stay at 64 KiB: nothing of it is ever acknowledged
    for _ in range(20):
        raw.request(dev_headers("GetRecords"), json.dumps(at).encode())
    raw.flush()
    assert raw.events(h2.events.DataReceived)
    for _ in range(20):
        assert call(plain, "ListStreams").status_code == 200
    raw.socket.close()
    assert serves(server)
