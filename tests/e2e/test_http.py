"""test_http.py: the bytes on the wire: AWS's order of checks before any operation, HTTP as such, and
bytes that are no HTTP."""

import base64
import json
import re
import socket

import pytest

from wire import (
    CBOR,
    JSON,
    TARGET,
    XML_403,
    XML_404,
    Connection,
    amz_date,
    b64,
    dev_headers,
    once,
    request_bytes,
    serves,
)

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LIST = {"X-Amz-Target": TARGET + "ListStreams"}
MISSING = {
    "__type": "MissingAuthenticationTokenException",
    "message": "Missing Authentication Token",
}


def check_ids(answer):
    assert UUID.fullmatch(answer["x-amzn-RequestId"])
    assert 64 <= len(base64.b64decode(answer["x-amz-id-2"], validate=True)) <= 80


# -- order of checks ----------------------------------------------------------------------------------


def test_options_with_an_origin_is_answered_for_browsers(server):
    got = once(server, "OPTIONS", headers={"Origin": "http://example.org"})
    assert got.status == 200 and got.body == b"" and got["content-length"] == "0"
    assert UUID.fullmatch(got["x-amzn-RequestId"])
    assert got["access-control-allow-origin"] == "*" and got["access-control-max-age"] == "172800"
    assert "x-amz-id-2" not in got and "content-type" not in got
    assert "access-control-allow-headers" not in got and "access-control-allow-methods" not in got
    got = once(
        server,
        "OPTIONS",
        headers={
            "Origin": "http://example.org",
            "Access-Control-Request-Headers": "a, B",
            "Access-Control-Request-Method": "c",
        },
    )
    assert (
        got["access-control-allow-headers"] == "a, B" and got["access-control-allow-methods"] == "c"
    )


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
        "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date"
    )


def test_ids_are_new_for_each_request(server):
    with Connection(server.port) as c:
        got = [c.request(headers=dev_headers("ListStreams"), body=b"{}") for _ in range(20)]
    assert (
        len({g["x-amzn-RequestId"] for g in got}) == 20
        and len({g["x-amz-id-2"] for g in got}) == 20
    )


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


@pytest.mark.parametrize(
    "kind", [None, "application/x-amz-json-1.0", "application/json", "junk", CBOR]
)
def test_an_empty_body_of_another_type_is_answered_in_cbor(server, kind):
    got = once(server, "POST", headers={"Content-Type": kind} if kind else {})
    assert got.status == 400 and got["content-type"] == CBOR
    assert (
        b"__type" in got.body
        and b"UnknownOperationException" in got.body
        and got.body[0] in (0xA1, 0xBF)
    )
    got = once(server, "POST", headers={"Content-Type": kind, **LIST} if kind else LIST)
    assert (
        got.status == 400 and got["content-type"] == CBOR and b"SerializationException" in got.body
    )


@pytest.mark.parametrize(
    "kind", [None, "application/x-amz-json-1.0", "text/plain", "junk", "", ";application/json"]
)
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
    got = once(
        server, "POST", headers={**dev_headers("ListStreams"), "Content-Type": kind}, body=b"{}"
    )
    assert got.status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        b"{",
        b"[]",
        b'"x"',
        b"1",
        b"null",
        b"{}}",
        b'{"a":}',
        b"{'a':1}",
        b"\xff\xfe",
        b'{"a":"\n"}',
        b'{"a":1,}',
        b"[" * 100000,
        b'{"a":' * 100000,
    ],
)
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


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "Kinesis_20131202",
        "Kinesis_20131202.",
        "Kinesis_20131202.Nothing",
        "kinesis_20131202.ListStreams",
        "Kinesis_20131201.ListStreams",
        "ListStreams",
        "Kinesis_20131202.ListStreams.x",
        "Kinesis_20131202.listStreams",
    ],
)
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
    got = post(
        server,
        {"Authorization": "AWS4-HMAC-SHA256 Credential=a"},
        "?X-Amz-Algorithm=AWS4-HMAC-SHA256",
    )
    assert got.status == 400 and got.json() == {
        "__type": "InvalidSignatureException",
        "message": "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    }


SENTENCES = {
    "Credential": "Authorization header requires 'Credential' parameter. ",
    "Signature": "Authorization header requires 'Signature' parameter. ",
    "SignedHeaders": "Authorization header requires 'SignedHeaders' parameter. ",
    "Date": "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
}
PARAMETERS = {
    "Credential": "a/20260101/us-east-1/kinesis/aws4_request",
    "SignedHeaders": "host",
    "Signature": "00",
}


@pytest.mark.parametrize("separator", [", ", ",", " "])
@pytest.mark.parametrize(
    "given",
    [
        (),
        ("Credential",),
        ("Signature",),
        ("SignedHeaders",),
        ("Credential", "Signature"),
        ("Credential", "SignedHeaders"),
        ("Credential", "SignedHeaders", "Signature"),
    ],
)
def test_an_incomplete_authorization_is_told_what_it_lacks(server, given, separator):
    header = ("AWS4-HMAC-SHA256 " + separator.join(f"{p}={PARAMETERS[p]}" for p in given)).strip()
    for dated in ({}, {"X-Amz-Date": amz_date()}):
        missing = [
            SENTENCES[p] for p in SENTENCES if p not in given and not (p == "Date" and dated)
        ]
        if not missing:
            continue
        got = post(server, {"Authorization": header, **dated})
        assert got.status == 400 and got.json() == {
            "__type": "IncompleteSignatureException",
            "message": "".join(missing) + f"Authorization={header}",
        }


def test_a_date_header_will_do(server):
    headers = dev_headers("ListStreams")
    headers["Date"] = headers.pop("X-Amz-Date")
    assert once(server, "POST", headers=headers, body=b"{}").status == 200


QUERY = {
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": "a%2F20260101%2Fus-east-1%2Fkinesis%2Faws4_request",
    "X-Amz-Signature": "00",
    "X-Amz-SignedHeaders": "host",
    "X-Amz-Date": "20260101T000000Z",
}


@pytest.mark.parametrize(
    "given",
    [
        (),
        ("X-Amz-Credential",),
        ("X-Amz-Signature", "X-Amz-Date"),
        ("X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders"),
    ],
)
def test_an_incomplete_query_is_told_what_it_lacks(server, given):
    query = "?" + "&".join(f"{n}={QUERY[n]}" for n in ("X-Amz-Algorithm", *given))
    missing = "".join(
        f"AWS query-string parameters must include '{n}'. "
        for n in QUERY
        if n not in given and n != "X-Amz-Algorithm"
    )
    got = post(server, query=query)
    assert got.status == 400 and got.json() == {
        "__type": "IncompleteSignatureException",
        "message": missing + "Re-examine the query-string parameters.",
    }


def test_operations_without_output_answer_an_empty_body(server, new_name):
    name = new_name()
    for operation, members in (
        ("CreateStream", {"StreamName": name, "ShardCount": 1}),
        ("DeleteStream", {"StreamName": name}),
    ):
        got = once(
            server, "POST", headers=dev_headers(operation), body=json.dumps(members).encode()
        )
        assert got.status == 200 and got.body == b"" and got["content-length"] == "0"
        assert got["content-type"] == JSON
        check_ids(got)


def test_an_operations_error_has_type_and_message_only(server):
    got = once(
        server, "POST", headers=dev_headers("DescribeStream"), body=b'{"StreamName":"nobody"}'
    )
    assert got.status == 400 and got["content-type"] == JSON
    assert got.json() == {
        "__type": "ResourceNotFoundException",
        "message": "Stream nobody under account 000000000000 not found.",
    }


# -- HTTP as such -------------------------------------------------------------------------------------


def test_a_connection_is_kept_and_requests_may_be_sent_ahead(server):
    one = request_bytes("POST", "/", dev_headers("ListStreams"), b"{}")
    with Connection(server.port) as c:
        c.send(one * 10)
        assert [c.answer().status for _ in range(10)] == [200] * 10
        assert c.rest == b""


def test_a_body_may_be_chunked(server, stream, kinesis):
    body = json.dumps({"StreamName": stream, "Data": b64("x" * 5000), "PartitionKey": "k"}).encode()
    pieces = [body[i : i + 1000] for i in range(0, len(body), 1000)]
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
        for piece in pieces:
            c.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        c.send(b"0\r\n\r\n")
        assert c.answer().status == 200
        assert c.request(headers=dev_headers("ListStreams"), body=b"{}").status == 200


def test_an_expectation_is_met(server):
    with Connection(server.port) as c:
        c.send(
            request_bytes(
                "POST",
                "/",
                {**dev_headers("ListStreams"), "Expect": "100-continue", "Content-Length": "2"},
                b"",
            )
        )
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
        c.send(
            request_bytes("POST", "/", dev_headers("ListStreams"), b"{}").replace(
                b"HTTP/1.1", b"HTTP/1.0", 1
            )
        )
        assert c.answer().status == 200 and c.ends()


def test_a_request_may_come_byte_by_byte(server):
    with Connection(server.port) as c:
        for byte in request_bytes("POST", "/", dev_headers("ListStreams"), b"{}"):
            c.send(bytes([byte]))
        assert c.answer().status == 200


GARBAGE = [
    b"\r\n\r\n\r\n\r\n",
    b"hello\r\n\r\n",
    b"GET\r\n\r\n",
    b"\x00" * 100,
    b"\xff" * 1000,
    b"POST / HTTP/9.9\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: two\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\n: novalue\r\n\r\n",
    b"POST / HTTP/1.1\r\nno colon here\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"\x16\x03\x01\xff\xff" + b"\x00" * 200,
    b"\x80\x2e\x01\x03\x01" + b"\x00" * 50,
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"*1\r\n$4\r\nPING\r\n",
]


@pytest.mark.parametrize("number", range(len(GARBAGE)))
def test_garbage_is_answered_or_closed_and_others_are_served(server, number):
    with Connection(server.port, timeout=5) as c:
        c.send(GARBAGE[number])
        c.socket.shutdown(socket.SHUT_WR)
        c.ends(2)
        assert not c.rest.startswith(b"HTTP/1.1 2") or number == 0, c.rest
    assert serves(server)


