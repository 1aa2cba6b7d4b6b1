"""test_records.py: records in by put, out by get and tail."""

import base64
import itertools
import json
import signal

import pytest
from lossy import LossyProxy


def got(sluice, stream, *words):
    return [json.loads(line) for line in sluice("get", stream, "--json", *words).stdout.splitlines()]


def test_ten_thousand_lines_come_back_byte_for_byte(sluice, stream, tmp_path):
    lines = [b"line %d \xff\x00\xfe\t%s" % (i, b"x" * (i % 300)) for i in range(9998)] + [b"", b"last, without a newline"]
    (tmp_path / "in").write_bytes(b"\n".join(lines))
    assert sluice("put", stream, "--ordered", tmp_path / "in").stderr.startswith(b"10000 records stored, 0 failed")
    assert sluice("get", stream).stdout == b"\n".join(lines) + b"\n"


@pytest.mark.parametrize("how", [(), ("--idempotent",), ("--aggregate",), ("--ordered", "--idempotent")])
def test_ways_to_put(sluice, stream, how):
    assert sluice("put", stream, *how, stdin=b"a\nb\nc\n").stderr.startswith(b"3 records stored, 0 failed")
    assert sorted(r["text"] for r in got(sluice, stream)) == ["a", "b", "c"]
    if "--aggregate" in how:  # they are one record, as the KPL packs them
        (packed,) = [base64.b64decode(r["data"]) for r in got(sluice, stream, "--keep-aggregated")]
        assert packed.startswith(b"\xf3\x89\x9a\xc2") and all(b"\x1a\x01" + line in packed for line in (b"a", b"b", b"c"))


@pytest.mark.parametrize(
    "how, twice",
    [
        (("--idempotent",), False),
        (("--idempotent", "--ordered"), False),
        (("--idempotent", "--aggregate"), False),
        ((), True),
    ],
    ids=["numbered", "ordered", "aggregated", "plain"],
)
def test_an_answer_that_is_lost_stores_nothing_twice_with_numbers(sluice, server, stream, how, twice):
    """Every second answer is lost after the service did the work. Without numbers duplicates are seen."""
    turn = itertools.count()
    proxy = LossyProxy(server.port, lambda request: b".PutRecords" in request and next(turn) % 2 == 0)
    lines = b"".join(b"%d %s\n" % (n, b"x" * 2000) for n in range(3000))
    said = sluice("put", stream, *how, stdin=lines, AWS_ENDPOINT_URL=proxy.endpoint).stderr
    proxy.close()
    assert said.startswith(b"3000 records stored, 0 failed"), said
    assert proxy.lost > 1
    stored = [r["data"] for r in got(sluice, stream)]
    assert (len(set(stored)) < len(stored)) == twice, f"{len(set(stored))} of {len(stored)} are different"
    assert len(set(stored)) == 3000


def test_aggregated_records_are_shown_as_they_were_put(sluice, stream):
    """By get and tail, as bytes and as JSON; --max counts them; beside plain ones; whole when asked."""
    sluice("put", stream, "--aggregate", "--ordered", "--key-fixed", "k", stdin=b"a\nb\nc\n")
    sluice("put", stream, "--key-fixed", "plain", stdin=b"d\n")
    records = got(sluice, stream)
    assert [(r["text"], r["partitionKey"], r["subSequenceNumber"]) for r in records] == [
        ("a", "k", 0), ("b", "k", 1), ("c", "k", 2), ("d", "plain", 0)]
    assert len({r["sequenceNumber"] for r in records[:3]}) == 1 and records[3]["sequenceNumber"] > records[0]["sequenceNumber"]
    assert sluice("get", stream).stdout == b"a\nb\nc\nd\n"
    assert sluice("get", stream, "--max", 2).stdout == b"a\nb\n"
    assert sluice("tail", stream, "--from", "trim_horizon", "--max", 4).stdout == b"a\nb\nc\nd\n"
    shard, after = records[3]["shardId"], records[3]["sequenceNumber"]
    assert sluice("get", stream, "--shard", shard, "--from", after).stdout == b"d\n"
    packed, plain = got(sluice, stream, "--keep-aggregated")
    assert base64.b64decode(packed["data"]).startswith(b"\xf3\x89\x9a\xc2") and packed["sequenceNumber"] == records[0]["sequenceNumber"]
    assert plain["text"] == "d"
    assert len(got(sluice, stream, "--keep-aggregated", "--max", 1)) == 1


def test_what_only_looks_aggregated_is_shown_as_it_is(sluice, stream):
    line = b"\xf3\x89\x9a\xc2 and no more of it"
    sluice("put", stream, stdin=line + b"\n")
    assert sluice("get", stream).stdout == line + b"\n"


@pytest.mark.parametrize(
    "words, line, key",
    [
        (("--key", 2), b"a\tthe key\tc", "the key"),
        (("--key", 1, "--separator", ", "), b"the key, b", "the key"),
        (("--jsonl", "--key", "user"), b'{"user": "the key"}', "the key"),
        (("--jsonl", "--key", "user"), b'{"user": 7}', "7"),
        (("--key-jq", ".a[1].b"), b'{"a": [0, {"b": "the key"}]}', "the key"),
        (("--key-jq", ".a"), b'{"a": 12}', "12"),
        (("--key-fixed", "the key"), b"anything", "the key"),
    ],
)
def test_keys(sluice, stream, words, line, key):
    done = sluice("put", stream, *words, "--json", stdin=line)
    result = json.loads(done.stdout)
    record = got(sluice, stream)[0]
    assert record["partitionKey"] == key
    assert (record["shardId"], record["sequenceNumber"]) == (result["shardId"], result["sequenceNumber"])


@pytest.mark.parametrize(
    "words, line, why",
    [
        (("--key", 3), b"a\tb", b"no such column"),
        (("--jsonl",), b"{", b"not JSON"),
        (("--jsonl", "--key", "user"), b"{}", b"no such member"),
        (("--jsonl", "--key", "user"), b'{"user": []}', b"no text and no whole number"),
        (("--key-jq", ".a"), b"{}", b"gives no key"),
        (("--key-jq", ".a"), b"nonsense", b"not JSON"),
        (("--key", 1), b"k" * 300, b"line 1"),
    ],
)
def test_a_line_without_its_key_fails_and_the_others_go(sluice, stream, words, line, why):
    assert why in sluice("put", stream, *words, stdin=line, code=1).stderr
    good = b'{"user": "u", "a": "b"}\tx\ty' if words[0] == "--key" else b'{"user": "u", "a": "b"}'
    done = sluice("put", stream, *words, stdin=line + b"\n" + good + b"\n", code=3)
    assert b"1 record stored, 1 failed" in done.stderr


def test_json_has_bytes_and_text(sluice, stream):
    sluice("put", stream, "--ordered", "--key-fixed", "k", stdin="é\n".encode() + b"\xff\n")
    text, raw = got(sluice, stream)
    assert (text["text"], base64.b64decode(text["data"])) == ("é", "é".encode())
    assert "text" not in raw and base64.b64decode(raw["data"]) == b"\xff"
    assert text["arrived"].endswith("Z")


def test_places_to_begin(sluice, stream):
    sluice("put", stream, "--ordered", stdin=b"a\nb\nc\n")
    records = got(sluice, stream)
    shard = records[0]["shardId"]
    assert [r["text"] for r in got(sluice, stream, "--max", 2)] == ["a", "b"]
    assert [r["text"] for r in got(sluice, stream, "--shard", shard, "--from", records[1]["sequenceNumber"])] == ["b", "c"]
    assert got(sluice, stream, "--from", "latest") == []
    assert len(got(sluice, stream, "--from", "TRIM_HORIZON")) == 3
    assert len(got(sluice, stream, "--from", "2020-01-01")) == 3
    assert len(got(sluice, stream, "--from", records[0]["arrived"])) == 3
    assert len(got(sluice, stream, "--from", "1600000000")) == 3
    sluice("get", stream, "--from", "someday", code=2)
    sluice("get", stream, "--from", records[1]["sequenceNumber"], code=2)
    sluice("get", stream, "--shard", "shardId-000000000099", code=4)


def test_get_reads_across_a_split(sluice, stream):
    sluice("put", stream, stdin=b"before\n")
    sluice("shard", "split", stream, "shardId-000000000000", "--wait")
    sluice("put", stream, stdin=b"after\n")
    assert sluice("get", stream).stdout == b"before\nafter\n"


def test_a_reader_that_goes_away_ends_it_quietly(sluice, stream):
    sluice("put", stream, stdin=b"".join(b"%d %s\n" % (i, b"x" * 1000) for i in range(2000)))
    process = sluice.start("get", stream)
    process.stdin.close()
    process.stdout.readline()
    process.stdout.close()
    assert (process.stderr.read(), process.wait(60)) == (b"", 0)
    process.stderr.close()


def test_tail_prints_what_comes_follows_a_split_and_ends_with_ctrl_c(sluice, stream):
    process = sluice.start("tail", stream, "--from", "trim_horizon")
    sluice("put", stream, stdin=b"one\n")
    assert process.stdout.readline() == b"one\n"
    sluice("shard", "split", stream, "shardId-000000000000", "--wait")
    sluice("put", stream, stdin=b"two\n")
    assert process.stdout.readline() == b"two\n"
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=10)
    assert (process.returncode, out, said) == (0, b"", b"")


def test_tail_ends_when_its_reader_is_gone(sluice, stream):
    process = sluice.start("tail", stream)
    process.stdin.close()
    process.stdout.close()
    assert process.wait(30) == 0
    process.stderr.close()


def test_put_sends_what_a_pipe_brings_and_ends_with_ctrl_c(sluice, stream):
    process = sluice.start("put", stream)
    process.stdin.write(b"early\n")
    process.stdin.flush()
    tail = sluice.start("tail", stream, "--from", "trim_horizon", "--max", 1)
    assert tail.stdout.readline() == b"early\n"
    tail.communicate(timeout=30)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=10)
    assert process.returncode == 0 and said.startswith(b"1 record stored, 0 failed")
