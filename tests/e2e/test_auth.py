"""test_auth.py: a server that is not --dev lets in only who has a key: SigV4 in the header and in the query."""

import datetime
import os

import pytest

from server import REGION, Server
from streams import client, refused, wait_active
from wire import JSON, TARGET, amz_date, once, presign, sign

HEADERS = {"Content-Type": JSON, "X-Amz-Target": TARGET + "ListStreams"}
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
    "Access Key and signing method. Consult the service documentation for details."
)
UNKNOWN = {
    "__type": "UnrecognizedClientException",
    "message": "The security token included in the request is invalid.",
}


@pytest.fixture(scope="module")
def guarded(data_root):
    """A server with TLS, plain HTTP and its root key."""
    one = Server(data=os.path.join(data_root, "guarded"), flags=["--plain"], dev=False).start()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def key(guarded):
    return guarded.root_key()


def ask(server, headers, body=b"{}", path="/"):
    got = once(server, "POST", path, headers, body)
    return got.status, got.json()


def at(seconds):
    return amz_date(
        datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    )


def test_the_root_key_opens(guarded, key):
    kinesis = client(guarded.endpoint, *key)
    kinesis.create_stream(StreamName="s", ShardCount=1)
    wait_active(kinesis, "s")
    assert kinesis.put_record(StreamName="s", Data=b"x", PartitionKey="k")["SequenceNumber"]
    assert kinesis.list_streams()["StreamNames"] == ["s"]


def test_the_root_key_is_printed_once_and_nowhere_kept_readable(guarded, key):
    guarded.restart()
    assert "AKIA" not in guarded.stdout.split(key[1], 1)[1], "a second start prints no key"
    assert key[1] not in guarded.stderr
    assert client(guarded.endpoint, *key).list_streams()


def test_a_wrong_secret_does_not_match(guarded, key):
    assert refused(client(guarded.endpoint, key[0], "x" * 40).list_streams) == (
        "InvalidSignatureException",
        MISMATCH,
    )


def test_an_unknown_key_is_not_recognised(guarded, key):
    status, got = ask(guarded, sign(HEADERS, b"{}", "AKIAAAAAAAAAAAAAAAAA", key[1]))
    assert (status, got) == (400, UNKNOWN)
    status, got = ask(guarded, sign(HEADERS, b"{}", "dev", "dev"))
    assert (status, got) == (400, UNKNOWN)


def test_our_own_signature_opens_whatever_separates_its_parts(guarded, key):
    for separator in (", ", ",", " "):
        status, got = ask(guarded, sign(HEADERS, b"{}", *key, separator=separator))
        assert status == 200, got


def test_what_was_signed_cannot_be_changed(guarded, key):
    signed = sign(HEADERS, b"{}", *key)
    assert ask(guarded, signed, b'{"Limit":1}') == (
        400,
        {"__type": "InvalidSignatureException", "message": MISMATCH},
    )
    changed = {**signed, "X-Amz-Target": TARGET + "DescribeLimits"}
    assert ask(guarded, changed) == (
        400,
        {"__type": "InvalidSignatureException", "message": MISMATCH},
    )
    assert ask(guarded, signed, path="/other")[1]["__type"] == "InvalidSignatureException"
    flipped = {
        **signed,
        "Authorization": signed["Authorization"][:-1]
        + ("0" if signed["Authorization"][-1] != "0" else "1"),
    }
    assert ask(guarded, flipped) == (
        400,
        {"__type": "InvalidSignatureException", "message": MISMATCH},
    )
    assert ask(guarded, signed)[0] == 200


@pytest.mark.parametrize("signature", ["", "0", "0" * 63, "0" * 65, "g" * 64, "0" * 64, "A" * 64])
def test_a_signature_of_any_other_form_does_not_match(guarded, key, signature):
    signed = sign(HEADERS, b"{}", *key)
    head = signed["Authorization"].rsplit("=", 1)[0]
    status, got = ask(guarded, {**signed, "Authorization": f"{head}={signature}"})
    assert status == 400 and got["__type"] in (
        "InvalidSignatureException",
        "IncompleteSignatureException",
    )


def test_a_clock_may_differ_by_fifteen_minutes_and_no_more(guarded, key):
    for skew in (-840, 840):
        assert ask(guarded, sign(HEADERS, b"{}", *key, stamp=at(skew)))[0] == 200
    stamp = at(-960)
    status, got = ask(guarded, sign(HEADERS, b"{}", *key, stamp=stamp))
    assert status == 400 and got["__type"] == "InvalidSignatureException"
    assert got["message"].startswith(f"Signature expired: {stamp} is now earlier than ") and got[
        "message"
    ].endswith(" - 15 min.)")
    stamp = at(960)
    status, got = ask(guarded, sign(HEADERS, b"{}", *key, stamp=stamp))
    assert status == 400 and got["__type"] == "InvalidSignatureException"
    assert got["message"].startswith(
        f"Signature not yet current: {stamp} is still later than "
    ) and got["message"].endswith(" + 15 min.)")


@pytest.mark.parametrize("stamp", ["20260101", "x", "20269901T000000Z", "20260101T000000"])
def test_a_date_that_is_none_is_refused(guarded, key, stamp):
    status, got = ask(guarded, sign(HEADERS, b"{}", *key, stamp=stamp))
    assert status == 400 and got["__type"] in (
        "InvalidSignatureException",
        "IncompleteSignatureException",
    )


def test_a_signature_must_name_our_region_and_service(guarded, key):
    status, got = ask(guarded, sign(HEADERS, b"{}", *key, region="eu-west-9"))
    assert status == 400 and got["__type"] == "InvalidSignatureException"
    assert got["message"].startswith("Credential should be scoped to a valid region")
    status, got = ask(guarded, sign(HEADERS, b"{}", *key, service="s3"))
    assert status == 400 and got["__type"] == "InvalidSignatureException"
    assert got["message"].startswith("Credential should be scoped to correct service: 'kinesis'.")


def test_the_query_can_carry_the_signature(guarded, key):
    status, got = ask(
        guarded, {"Host": "localhost", **HEADERS}, path="/?" + presign(HEADERS, b"{}", *key)
    )
    assert status == 200, got
    status, got = ask(
        guarded,
        {"Host": "localhost", **HEADERS},
        path="/?" + presign(HEADERS, b"{}", key[0], "x" * 40),
    )
    assert status == 400 and got["__type"] == "InvalidSignatureException"


def test_a_query_signature_ends_when_it_says(guarded, key):
    query = presign(HEADERS, b"{}", *key, stamp=at(-100), expires=200)
    assert ask(guarded, {"Host": "localhost", **HEADERS}, path="/?" + query)[0] == 200
    query = presign(HEADERS, b"{}", *key, stamp=at(-100), expires=50)
    status, got = ask(guarded, {"Host": "localhost", **HEADERS}, path="/?" + query)
    assert status == 400 and got["__type"] == "InvalidSignatureException"
    assert got["message"].startswith("Signature expired: ")


def test_a_body_may_be_signed_and_chunked(guarded, key):
    from wire import Connection, request_bytes

    signed = sign(HEADERS, b"{}", *key)
    with Connection(guarded.port) as c:
        c.send(request_bytes("POST", "/", {**signed, "Transfer-Encoding": "chunked"}, b"", False))
        c.send(b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
        assert c.answer().status == 200


def test_nobody_comes_in_without_a_key(guarded):
    status, got = ask(guarded, HEADERS)
    assert (status, got) == (
        400,
        {
            "__type": "MissingAuthenticationTokenException",
            "message": "Missing Authentication Token",
        },
    )


def test_dev_takes_any_key_and_region(server, kinesis):
    for key, secret, region in (("a", "b", "eu-west-1"), ("AKIA" + "A" * 16, "c" * 40, "x-y-9")):
        assert "StreamNames" in client(server.endpoint, key, secret, region=region).list_streams()


def test_a_session_token_is_no_hindrance(guarded, key):
    headers = {**HEADERS, "X-Amz-Security-Token": "token"}
    assert ask(guarded, sign(headers, b"{}", *key))[0] == 200


def test_another_region_is_a_setting(new_server):
    server = new_server("--plain", "--region", "eu-central-1", dev=False)
    key = server.root_key()
    assert client(server.endpoint, *key, region="eu-central-1").list_streams()["StreamNames"] == []
    assert (
        refused(client(server.endpoint, *key, region=REGION).list_streams)[0]
        == "InvalidSignatureException"
    )
