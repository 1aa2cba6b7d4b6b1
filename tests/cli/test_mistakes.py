"""test_mistakes.py: words that are not understood, places that are not there: the exit code, and a sentence that helps."""

import server as server_module
import pytest


@pytest.mark.parametrize(
    "words, said",
    [
        (("pu", "x"), b'is it "put"?'),
        (("put",), b"this is missing: STREAM"),
        (("put", "s", "--kee", "1"), b"is it --key?"),
        (("put", "s", "--key"), b"wants a value"),
        (("put", "s", "--ordered=1"), b"takes no value"),
        (("put", "s", "--key", "0"), b"a column's number"),
        (("put", "s", "--key", "1", "--key-fixed", "k"), b"exclude each other"),
        (("put", "s", "--key-jq", "]"), b"no jq expression"),
        (("get", "s", "--max", "0"), b"a whole number of 1 or more"),
        (("get", "s", "--max", "many"), b"not many"),
        (("get", "s", "too", "many"), b"one word too many"),
        (("stream",), b"stream create"),
        (("stream", "creat"), b'is it "create"?'),
        (("stream", "update-count", "s", "x"), b"no whole number"),
        (("delivery", "flush", "s", "--within", "301"), b"from 1 to 300"),
        (("stream", "create", "no/name"), b"failed to satisfy constraint"),
        (("stream", "list", "--local", "--endpoint", "http://x"), b"exclude each other"),
        (("stream", "list", "--endpoint", "nonsense"), b"https://host:port"),
    ],
)
def test_what_is_not_understood_is_2(sluice, words, said):
    assert said in sluice(*words, code=2).stderr


def test_nobody_there_is_1(sluice):
    nowhere = f"http://127.0.0.1:{server_module.free_port()}"
    assert nowhere.encode() in sluice("stream", "list", "--endpoint", nowhere, code=1).stderr
    assert sluice("put", "s", "--endpoint", nowhere, stdin=b"x", code=1).stderr
    assert sluice("get", "s", "--endpoint", nowhere, code=1).stderr


def test_no_stream_is_4_with_the_code_and_the_request(sluice):
    for words in (("stream", "describe", "none"), ("get", "none"), ("tail", "none"), ("put", "none")):
        said = sluice(*words, stdin=b"x", code=4).stderr
        assert b"ResourceNotFoundException" in said and b"(request " in said


def test_no_credentials_is_5(sluice):
    assert b"no credentials" in sluice("stream", "list", without=("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), code=5).stderr


def test_a_key_that_is_not_known_is_5(sluice, tmp_path):
    strict = server_module.Server(data=tmp_path / "strict", dev=False, flags=["--plain"]).start()
    try:
        assert b"Exception" in sluice("stream", "list", "--endpoint", strict.endpoint, code=5).stderr
    finally:
        strict.stop()


def test_without_any_setting_it_says_what_to_set(sluice):
    said = sluice("put", "first", stdin=b"x", without=("AWS_ENDPOINT_URL", "AWS_REGION"), code=2).stderr
    assert b"--local" in said and b"AWS_ENDPOINT_URL" in said


def test_a_file_that_is_not_there_is_1(sluice, stream, tmp_path):
    assert b"No such file" in sluice("put", stream, tmp_path / "none", code=1).stderr


def test_help(sluice):
    everything = sluice("help").stdout.decode()
    for word in ("serve", "keys", "put", "get", "tail", "stream", "shard", "consumer", "group", "delivery"):
        assert f"sluice {word}" in everything
    assert sluice("put", "--help").stdout == sluice("help", "put").stdout
    assert b"Examples:" in sluice("stream", "create", "--help").stdout
    assert b"sluice stream create STREAM" in sluice("stream", "--help").stdout
    assert sluice("help", "stream", "create").stdout == sluice("stream", "create", "--help").stdout
