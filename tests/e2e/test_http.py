"""test_http.py: the bytes on the wire, good and bad: AWS's order of checks before any operation, and clients that misbehave."""

import base64
import concurrent.futures
import json
import re
import socket
import threading
import time

import pytest

from server import raise_file_limit
from streams import client, until, wait_active
from wire import (CBOR, JSON, TARGET, XML_403, XML_404, Closed, Connection, amz_date, b64, call, dev_headers, once,
                  request_bytes)

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LIST = {"X-Amz-Target": TARGET + "ListStreams"}
MISSING = {"__type": "MissingAuthenticationTokenException", "message": "Missing Authentication Token"}


def check_ids(answer):
    assert UUID.fullmatch(answer["x-amzn-RequestId"])
    assert 64 <= len(base64.b64decode(answer["x-amz-id-2"], validate=True)) <= 80


def serves(server):
    """The server still answers somebody else, and promptly."""
    begun = time.monotonic()
    status, _ = call(server, "ListStreams", {})
    return status == 200 and time.monotonic() - begun < 5


# -- order of checks ----------------------------------------------------------------------------------


def test_options_with_an_origin_is_answered_for_browsers(server):
    got = once(server, "OPTIONS", headers={"Origin": "http://example.org"})
    assert got.status == 200 and got.body == b"" and got["content-length"] == "0"
    assert UUID.fullmatch(got["x-amzn-RequestId"])
    assert got["access-control-allow-origin"] == "*" and got["access-control-max-age"] == "172800"
    assert "x-amz-id-2" not in got and "content-type" not in got
    assert "access-control-allow-headers" not in got and "access-control-allow-methods" not in got
    got = once(server, "OPTIONS", headers={
        "Origin": "http://example.org", "Access-Control-Request-Headers": "a, B", "Access-Control-Request-Method": "c"})
    assert got["access-control-allow-headers"] == "a, B" and got["access-control-allow-methods"] == "c"


def test_other_answers_carry_ids_and_for_browsers_cors_headers(server):
    got = once(server, "POST", headers=dev_headers("ListStreams"), body=b"{}")
    assert got.status == 200
    check_ids(got)
    assert got["content-type"] == JSON
    assert "access-control-allow-origin" not in got
    got = once(server, "POST", headers={**dev_headers("ListStreams"), "Origin": "x"}, body=b"{}")
    check_ids(got)
    assert got["access-control-allow-origin"] == "*"
    assert got["access-control-expose-headers"] == (
        "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date")


def test_ids_are_new_for_each_request(server):
    with Connection(server.port) as c:
        got = [c.request(headers=dev_headers("ListStreams"), body=b"{}") for _ in range(20)]
    assert len({g["x-amzn-RequestId"] for g in got}) == 20 and len({g["x-amz-id-2"] for g in got}) == 20


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"])
def test_other_methods_are_refused_in_xml(server, method):
    with Connection(server.port) as c:
        c.send(request_bytes(method, "/", {}, b""))
        if method == "HEAD":
            assert c._more() is None and c.rest.startswith(b"HTTP/1.1 403 ")
            return
        got = c.answer()
    assert got.status == 403 and got.body == XML_403 and "content-type" not in got
    check_ids(got)


@pytest.mark.parametrize("path", ["/", "/a/b", "/?x=y", "//", "/%2f", "/health2"])
def test_the_path_of_a_post_is_ignored(server, path):
    got = once(server, "POST", path, dev_headers("ListStreams"), b"{}")
    assert got.status == 200 and "StreamNames" in got.json()


def test_an_empty_body_is_no_operation(server):
    got = once(server, "POST", headers={"Content-Type": JSON})
    assert (got.status, got.json()) == (400, {"__type": "UnknownOperationException"})
    assert got["content-type"] == JSON
    got = once(server, "POST", headers={"Content-Type": JSON, **LIST})
    assert (got.status, got.json()) == (400, {"__type": "SerializationException"})
    got = once(server, "POST", headers={"Content-Type": JSON, "X-Amz-Target": TARGET + "Nothing"})
    assert (got.status, got.json()) == (400, {"__type": "UnknownOperationException"})


@pytest.mark.parametrize("kind", [None, "application/x-amz-json-1.0", "application/json", "junk", CBOR])
def test_an_empty_body_of_another_type_is_answered_in_cbor(server, kind):
    got = once(server, "POST", headers={"Content-Type": kind} if kind else {})
    assert got.status == 400 and got["content-type"] == CBOR
    assert b"__type" in got.body and b"UnknownOperationException" in got.body and got.body[0] in (0xA1, 0xBF)
    got = once(server, "POST", headers={"Content-Type": kind, **LIST} if kind else LIST)
    assert got.status == 400 and got["content-type"] == CBOR and b"SerializationException" in got.body


@pytest.mark.parametrize("kind", [None, "application/x-amz-json-1.0", "text/plain", "junk", "", ";application/json"])
def test_a_body_of_an_unknown_type_is_refused_in_xml(server, kind):
    base = {"Content-Type": kind} if kind is not None else {}
    for target in ({}, {"X-Amz-Target": "Kinesis_20131202"}):
        got = once(server, "POST", headers={**base, **target}, body=b"{}")
        assert got.status == 403 and got.body == XML_403 and "content-type" not in got
    got = once(server, "POST", headers={**base, **LIST}, body=b"{}")
    assert got.status == 404 and got.body == XML_404
    check_ids(got)


@pytest.mark.parametrize("kind", [JSON + "; charset=utf-8", " " + JSON + " ;x", JSON + ";"])
def test_a_content_type_is_cut_at_the_semicolon(server, kind):
    got = once(server, "POST", headers={**dev_headers("ListStreams"), "Content-Type": kind}, body=b"{}")
    assert got.status == 200


@pytest.mark.parametrize("body", [b"hello", b"{", b"[]", b'"x"', b"1", b"null", b"{}}", b'{"a":}', b"{'a':1}", b"\xff\xfe",
                                  b'{"a":"\n"}', b'{"a":1,}', b"[" * 100000, b'{"a":' * 100000])
def test_what_is_no_json_object_is_a_serialization_exception_before_auth(server, body):
    got = once(server, "POST", headers={"Content-Type": JSON, **LIST}, body=body)
    assert (got.status, got.json()) == (400, {"__type": "SerializationException"})
    got = once(server, "POST", headers={"Content-Type": JSON}, body=body)
    assert (got.status, got.json()) == (400, {"__type": "SerializationException"})


def test_plain_application_json_is_answered_in_its_own_form(server):
    form = lambda name: {"Output": {"__type": "com.amazon.coral.service#" + name}, "Version": "1.0"}
    got = once(server, "POST", headers={"Content-Type": "application/json", **LIST}, body=b"{")
    assert (got.status, got.json()) == (400, form("SerializationException"))
    got = once(server, "POST", headers={"Content-Type": "application/json", **LIST}, body=b"{}")
    assert (got.status, got.json()) == (404, form("UnknownOperationException"))


@pytest.mark.parametrize("target", [None, "", "Kinesis_20131202", "Kinesis_20131202.", "Kinesis_20131202.Nothing",
                                    "kinesis_20131202.ListStreams", "Kinesis_20131201.ListStreams", "ListStreams",
                                    "Kinesis_20131202.ListStreams.x", "Kinesis_20131202.listStreams"])
def test_an_unknown_operation_is_told_before_auth(server, target):
    headers = {"Content-Type": JSON, **({"X-Amz-Target": target} if target is not None else {})}
    got = once(server, "POST", headers=headers, body=b"{}")
    assert (got.status, got.json()) == (400, {"__type": "UnknownOperationException"})


def post(server, headers=(), query="", body=b"{}"):
    return once(server, "POST", "/" + query, {"Content-Type": JSON, **LIST, **dict(headers)}, body)


def test_no_credentials_are_missed(server):
    for query in ("", "?x=y", "?X-Amz-Credential=a&X-Amz-Signature=b"):
        got = post(server, query=query)
        assert (got.status, got.json()) == (400, MISSING)


def test_types_are_looked_at_after_auth(server):
    assert post(server, body=b'{"Limit":"x"}').json() == MISSING


def test_header_and_query_together_are_refused(server):
    got = post(server, {"Authorization": "AWS4-HMAC-SHA256 Credential=a"}, "?X-Amz-Algorithm=AWS4-HMAC-SHA256")
    assert got.status == 400 and got.json() == {
        "__type": "InvalidSignatureException",
        "message": "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."}


SENTENCES = {
    "Credential": "Authorization header requires 'Credential' parameter. ",
    "Signature": "Authorization header requires 'Signature' parameter. ",
    "SignedHeaders": "Authorization header requires 'SignedHeaders' parameter. ",
    "Date": "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
}
PARAMETERS = {"Credential": "a/20260101/us-east-1/kinesis/aws4_request", "SignedHeaders": "host", "Signature": "00"}


@pytest.mark.parametrize("separator", [", ", ",", " "])
@pytest.mark.parametrize("given", [(), ("Credential",), ("Signature",), ("SignedHeaders",), ("Credential", "Signature"),
                                   ("Credential", "SignedHeaders"), ("Credential", "SignedHeaders", "Signature")])
def test_an_incomplete_authorization_is_told_what_it_lacks(server, given, separator):
    header = ("AWS4-HMAC-SHA256 " + separator.join(f"{p}={PARAMETERS[p]}" for p in given)).strip()
    for dated in ({}, {"X-Amz-Date": amz_date()}):
        missing = [SENTENCES[p] for p in SENTENCES if p not in given and not (p == "Date" and dated)]
        if not missing:
            continue
        got = post(server, {"Authorization": header, **dated})
        assert got.status == 400 and got.json() == {
            "__type": "IncompleteSignatureException", "message": "".join(missing) + f"Authorization={header}"}


def test_a_date_header_will_do(server):
    headers = dev_headers("ListStreams")
    headers["Date"] = headers.pop("X-Amz-Date")
    assert once(server, "POST", headers=headers, body=b"{}").status == 200


QUERY = {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": "a%2F20260101%2Fus-east-1%2Fkinesis%2Faws4_request",
         "X-Amz-Signature": "00", "X-Amz-SignedHeaders": "host", "X-Amz-Date": "20260101T000000Z"}


@pytest.mark.parametrize("given", [(), ("X-Amz-Credential",), ("X-Amz-Signature", "X-Amz-Date"),
                                   ("X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders")])
def test_an_incomplete_query_is_told_what_it_lacks(server, given):
    query = "?" + "&".join(f"{n}={QUERY[n]}" for n in ("X-Amz-Algorithm", *given))
    missing = "".join(f"AWS query-string parameters must include '{n}'. " for n in QUERY
                      if n not in given and n != "X-Amz-Algorithm")
    got = post(server, query=query)
    assert got.status == 400 and got.json() == {
        "__type": "IncompleteSignatureException", "message": missing + "Re-examine the query-string parameters."}


def test_operations_without_output_answer_an_empty_body(server, new_name):
    name = new_name()
    for operation, members in (("CreateStream", {"StreamName": name, "ShardCount": 1}),
                               ("DeleteStream", {"StreamName": name})):
        got = once(server, "POST", headers=dev_headers(operation), body=json.dumps(members).encode())
        assert got.status == 200 and got.body == b"" and got["content-length"] == "0"
        assert got["content-type"] == JSON
        check_ids(got)


def test_an_operations_error_has_type_and_message_only(server):
    got = once(server, "POST", headers=dev_headers("DescribeStream"), body=b'{"StreamName":"nobody"}')
    assert got.status == 400 and got["content-type"] == JSON
    assert got.json() == {"__type": "ResourceNotFoundException",
                          "message": "Stream nobody under account 000000000000 not found."}


# -- HTTP as such -------------------------------------------------------------------------------------


def test_a_connection_is_kept_and_requests_may_be_sent_ahead(server):
    one = request_bytes("POST", "/", dev_headers("ListStreams"), b"{}")
    with Connection(server.port) as c:
        c.send(one * 10)
        assert [c.answer().status for _ in range(10)] == [200] * 10
        assert c.rest == b""


def test_a_body_may_be_chunked(server, stream, kinesis):
    body = json.dumps({"StreamName": stream, "Data": b64("x" * 5000), "PartitionKey": "k"}).encode()
    pieces = [body[i:i + 1000] for i in range(0, len(body), 1000)]
    with Connection(server.port) as c:
        c.send(request_bytes("POST", "/", {**dev_headers("PutRecord"), "Transfer-Encoding": "chunked"}, b"", False))
        for piece in pieces:
            c.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        c.send(b"0\r\n\r\n")
        assert c.answer().status == 200
        assert c.request(headers=dev_headers("ListStreams"), body=b"{}").status == 200


def test_an_expectation_is_met(server):
    with Connection(server.port) as c:
        c.send(request_bytes("POST", "/", {**dev_headers("ListStreams"), "Expect": "100-continue",
                                           "Content-Length": "2"}, b""))
        c._more()
        assert c.rest.startswith(b"HTTP/1.1 100 ")
        c.send(b"{}")
        assert c.answer().status == 200


def test_connection_close_is_obeyed(server):
    with Connection(server.port) as c:
        got = c.request(headers={**dev_headers("ListStreams"), "Connection": "close"}, body=b"{}")
        assert got.status == 200 and c.ends()


def test_http_1_0_is_answered_and_closed(server):
    with Connection(server.port) as c:
        c.send(request_bytes("POST", "/", dev_headers("ListStreams"), b"{}").replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        assert c.answer().status == 200 and c.ends()


def test_a_request_may_come_byte_by_byte(server):
    with Connection(server.port) as c:
        for byte in request_bytes("POST", "/", dev_headers("ListStreams"), b"{}"):
            c.send(bytes([byte]))
        assert c.answer().status == 200


GARBAGE = [
    b"\r\n\r\n\r\n\r\n", b"hello\r\n\r\n", b"GET\r\n\r\n", b"\x00" * 100, b"\xff" * 1000, b"POST / HTTP/9.9\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: two\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\n: novalue\r\n\r\n", b"POST / HTTP/1.1\r\nno colon here\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
    b"\x16\x03\x01\x02\x00\x01\x00", b"\x16\x03\x01\xff\xff" + b"\x00" * 200, b"\x80\x2e\x01\x03\x01" + b"\x00" * 50,
    b"SSH-2.0-OpenSSH_9.2\r\n", b"*1\r\n$4\r\nPING\r\n",
]


@pytest.mark.parametrize("number", range(len(GARBAGE)))
def test_garbage_is_answered_or_closed_and_others_are_served(server, number):
    with Connection(server.port, timeout=5) as c:
        c.send(GARBAGE[number])
        c.socket.shutdown(socket.SHUT_WR)
        c.ends(2)
        assert not c.rest.startswith(b"HTTP/1.1 2") or number == 0, c.rest
    assert serves(server)


def test_an_h2c_preface_is_refused_cleanly(server):
    with Connection(server.port) as c:
        c.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0")
        assert c.ends(10), "not closed"
        # Words in HTTP/1.1, or HTTP/2's own: SETTINGS, then GOAWAY with HTTP_1_1_REQUIRED.
        assert c.rest.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")) or frames(c.rest)[-1] == (7, 0x0D), c.rest
    assert serves(server)


def frames(data):
    """(type, error code of a GOAWAY) of each HTTP/2 frame."""
    found = []
    while data:
        length, kind = int.from_bytes(data[:3], "big"), data[3]
        found.append((kind, int.from_bytes(data[13:17], "big") if kind == 7 else None))
        data = data[9 + length:]
    return found


# -- too much -----------------------------------------------------------------------------------------


def test_an_eleven_mebibyte_record_is_refused_in_words(server, stream):
    body = json.dumps({"StreamName": stream, "PartitionKey": "k", "Data": b64(bytes(11 << 20))}).encode()
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
            c.send(request_bytes("POST", "/", {**dev_headers("PutRecord"), "Content-Length": str(size)}, b""))
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
        c.send(request_bytes("POST", "/", {**dev_headers("PutRecord"), "Transfer-Encoding": "chunked"}, b"", False))
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
    head = {"one": b"POST / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * (1 << 20),
            "many": b"POST / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"v" * 80) for n in range(11000)),
            "line": b"POST /" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: x"}[kind]
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


# -- slow and many ------------------------------------------------------------------------------------


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
                    c.send(whole[:len(whole) - 12])
                if at < len(whole) - 1:
                    c.send(whole[at:at + 1])
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
                status, _ = call(server, "PutRecord", {"StreamName": stream, "Data": b64("x"), "PartitionKey": "k"}, c)
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
    with Connection(server.port) as head, Connection(server.port) as body, Connection(server.port) as idle:
        head.send(b"POST / HTTP/1.1\r\nHost: x\r\n")
        body.send(request_bytes("POST", "/", {**dev_headers("ListStreams"), "Content-Length": "100"}, b"{"))
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
        assert grown < (5000 * 200 if server.sanitized() else 5000 * 40), f"{grown} KiB for 5,000 connections"
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
    body = json.dumps({"StreamName": stream, "Data": b64("y" * 100000), "PartitionKey": "k"}).encode()
    whole = request_bytes("POST", "/", dev_headers("PutRecord"), body)

    def vanish(n):
        with Connection(server.port) as c:
            c.send(whole[:(len(whole) * n) // 200] if n < 200 else whole)
            if n % 2:
                c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(vanish, range(260)))
    assert serves(server)


def test_a_reader_that_never_reads_holds_up_nobody(server, kinesis, stream):
    """Answers of many MiB to clients who do not take them."""
    for _ in range(8):
        kinesis.put_record(StreamName=stream, Data=bytes((1 << 20) - 1), PartitionKey="k")
    at = kinesis.get_shard_iterator(StreamName=stream, ShardId="0", ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    deaf = []
    try:
        for _ in range(10):
            c = Connection(server.port)
            c.send(request_bytes("POST", "/", dev_headers("GetRecords"), json.dumps({"ShardIterator": at}).encode()))
            deaf.append(c)
        for _ in range(20):
            assert serves(server)
    finally:
        for c in deaf:
            c.close()
    assert serves(server)
