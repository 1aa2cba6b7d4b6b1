"""test_misuse.py: clients that send too much, too slowly, or hang up: they get AWS's own error or a closed
connection, the others are served as before, and memory stays bounded."""

import concurrent.futures
import json
import socket
import threading
import time

import pytest

from server import raise_file_limit
from streams import client, until, wait_active
from wire import Closed, Connection, b64, call, dev_headers, once, request_bytes, serves

# -- too much --------------------------------------------------------------------------------------


def test_an_eleven_mebibyte_record_is_refused_in_words(server, stream):
    body = json.dumps(
        {"StreamName": stream, "PartitionKey": "k", "Data": b64(bytes(11 << 20))}
    ).encode()
    status, got = call(server, "PutRecord", body)
    assert status == 400 and got["__type"] in ("ValidationException", "InvalidArgumentException")
    assert serves(server)


def test_eleven_mebibytes_of_nothing_are_refused(server):
    for body in (b"x" * (11 << 20), b'{"a":"' + b"y" * (11 << 20), b"[" * (11 << 20)):
        assert call(server, "PutRecord", body) == (400, {"__type": "SerializationException"})
    assert serves(server)


def test_a_body_over_every_bound_is_a_413_or_closed(server):
    before = server.rss_kib()
    for size in (17 << 20, 1 << 40):
        with Connection(server.port) as c:
            c.send(
                request_bytes(
                    "POST", "/", {**dev_headers("PutRecord"), "Content-Length": str(size)}, b""
                )
            )
            try:
                for _ in range(64):
                    c.send(bytes(1 << 20))
            except OSError:
                pass
            try:
                assert c.answer().status == 413
            except (Closed, OSError):
                pass
    assert serves(server)
    assert server.rss_kib() - before < (400 << 10 if server.sanitized() else 64 << 10)


def test_a_chunked_body_over_every_bound_is_not_kept(server):
    before = server.rss_kib()
    with Connection(server.port) as c:
        c.send(
            request_bytes(
                "POST",
                "/",
                {**dev_headers("PutRecord"), "Transfer-Encoding": "chunked"},
                b"",
                False,
            )
        )
        piece = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        try:
            for _ in range(64):
                c.send(piece)
            c.send(b"0\r\n\r\n")
            assert c.answer().status == 413
        except (Closed, OSError):
            pass
    assert serves(server)
    assert server.rss_kib() - before < (400 << 10 if server.sanitized() else 64 << 10)


@pytest.mark.parametrize("kind", ["one", "many", "line"])
def test_a_mebibyte_of_headers_is_refused(server, kind):
    head = {
        "one": b"POST / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * (1 << 20),
        "many": b"POST / HTTP/1.1\r\nHost: x\r\n"
        + b"".join(b"X-%d: %s\r\n" % (n, b"v" * 80) for n in range(11000)),
        "line": b"POST /" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: x",
    }[kind]
    with Connection(server.port) as c:
        try:
            c.send(head + b"\r\nContent-Length: 2\r\n\r\n{}")
        except OSError:
            pass
        try:
            assert 400 <= c.answer().status < 500
        except (Closed, OSError):
            pass
    assert serves(server)


def test_a_long_authorization_that_fits_is_fine(server):
    headers = {**dev_headers("ListStreams"), "X-Amz-Security-Token": "t" * 4000}
    assert once(server, "POST", headers=headers, body=b"{}").status == 200


# -- slow and many ---------------------------------------------------------------------------------


def test_slow_clients_hold_up_nobody(server, stream):
    """A hundred clients send a byte a second, in the head and in the body, while others put."""
    whole = request_bytes("POST", "/", dev_headers("ListStreams"), b"{}")
    slow = [Connection(server.port) for _ in range(100)]
    stop = threading.Event()

    def dribble():
        place = 0
        while not stop.is_set():
            for n, c in enumerate(slow):
                at = place if n % 2 else len(whole) - 12 + place
                if place == 0 and not n % 2:
                    c.send(whole[: len(whole) - 12])
                if at < len(whole) - 1:
                    c.send(whole[at : at + 1])
            place += 1
            stop.wait(1)

    thread = threading.Thread(target=dribble)
    thread.start()
    try:
        slowest = 0
        end = time.monotonic() + 4
        with Connection(server.port) as c:
            while time.monotonic() < end:
                begun = time.monotonic()
                status, _ = call(
                    server,
                    "PutRecord",
                    {"StreamName": stream, "Data": b64("x"), "PartitionKey": "k"},
                    c,
                )
                assert status == 200
                slowest = max(slowest, time.monotonic() - begun)
        assert slowest < 2
    finally:
        stop.set()
        thread.join()
        for c in slow:
            c.close()
    assert serves(server)


def test_a_request_that_never_ends_is_cut_at_its_time(new_server):
    server = new_server("--request-timeout", "1s", "--idle-timeout", "1s")
    with Connection(server.port) as head, Connection(server.port) as body, Connection(
        server.port
    ) as idle:
        head.send(b"POST / HTTP/1.1\r\nHost: x\r\n")
        body.send(
            request_bytes(
                "POST", "/", {**dev_headers("ListStreams"), "Content-Length": "100"}, b"{"
            )
        )
        assert idle.request(headers=dev_headers("ListStreams"), body=b"{}").status == 200
        for c in (head, body, idle):
            assert c.ends(20)
            assert b"HTTP/1.1 200" not in c.rest
    assert serves(server)


def test_five_thousand_idle_connections_are_carried(new_server):
    raise_file_limit()
    server = new_server()
    kinesis = client(server.endpoint)
    kinesis.create_stream(StreamName="s", ShardCount=1)
    wait_active(kinesis, "s")
    before = server.rss_kib()
    idle = []
    try:
        for n in range(5000):
            c = Connection(server.port)
            idle.append(c)
            if n % 10 == 0:
                assert c.request(headers=dev_headers("ListStreams"), body=b"{}").status == 200
        for _ in range(20):
            kinesis.put_record(StreamName="s", Data=b"x", PartitionKey="k")
        assert serves(server)
        grown = server.rss_kib() - before
        assert grown < (
            5000 * 200 if server.sanitized() else 5000 * 40
        ), f"{grown} KiB for 5,000 connections"
        for c in idle[:2000:10]:
            assert c.request(headers=dev_headers("ListStreams"), body=b"{}").status == 200
    finally:
        for c in idle:
            c.close()
    assert serves(server)


def test_more_connections_than_allowed_do_not_shut_others_out(new_server):
    server = new_server("--connections-max", "64")
    idle = []
    try:
        for _ in range(300):
            try:
                idle.append(Connection(server.port))
            except OSError:
                pass
        until(lambda: serves_or_none(server), 20, "service beside idle connections")
    finally:
        for c in idle:
            c.close()
    until(lambda: serves_or_none(server), 20, "service after idle connections")


def serves_or_none(server):
    try:
        return serves(server)
    except (OSError, Closed):
        return None


def test_clients_that_vanish_in_the_middle_leave_nothing_behind(server, stream):
    body = json.dumps(
        {"StreamName": stream, "Data": b64("y" * 100000), "PartitionKey": "k"}
    ).encode()
    whole = request_bytes("POST", "/", dev_headers("PutRecord"), body)

    def vanish(n):
        with Connection(server.port) as c:
            c.send(whole[: (len(whole) * n) // 200] if n < 200 else whole)
            if n % 2:
                c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(vanish, range(260)))
    assert serves(server)


def test_a_reader_that_never_reads_holds_up_nobody(server, kinesis, stream):
    """Answers of many MiB to clients who do not take them."""
    for _ in range(8):
        kinesis.put_record(StreamName=stream, Data=bytes((1 << 20) - 1), PartitionKey="k")
    at = kinesis.get_shard_iterator(
        StreamName=stream, ShardId="0", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    deaf = []
    try:
        for _ in range(10):
            c = Connection(server.port)
            c.send(
                request_bytes(
                    "POST",
                    "/",
                    dev_headers("GetRecords"),
                    json.dumps({"ShardIterator": at}).encode(),
                )
            )
            deaf.append(c)
        for _ in range(20):
            assert serves(server)
    finally:
        for c in deaf:
            c.close()
    assert serves(server)


def test_clients_that_hang_up_in_the_middle_are_let_go(new_server):
    """Their half of the connection ends within a request, or before one: the other half ends soon,
    long before any time limit."""
    server = new_server("--shutdown-grace", "1s")
    whole = request_bytes("POST", "/", dev_headers("ListStreams"), b'{"a":"' + b"x" * 1000 + b'"}')
    with Connection(server.port) as watch:  # one of its own: the looks must not add to what they count
        connections = lambda: watch.request("GET", "/health").json()["connections"]
        until(lambda: connections() == 1, 30, "the end of connections from before")
        for part in (0, 5, 60, len(whole) - 1008, len(whole) - 100):
            for _ in range(10):
                with Connection(server.port) as c:
                    c.send(whole[:part])
        until(lambda: connections() == 1, 30, "the end of connections whose clients have gone")
