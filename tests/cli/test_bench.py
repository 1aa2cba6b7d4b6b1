"""test_bench.py: the load generator: short runs, whose numbers add up."""

import json


def reports(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(report, what):
    assert report["what"] == what and report["failed"] == 0 and report["records"] > 0
    latency = list(report["latency_ms"].values())
    assert latency == sorted(latency) and latency[0] > 0


def test_puts_come_at_their_rate(sluice, stream):
    report = reports(sluice("bench", "put", stream, "--rate", 50, "--seconds", 1, "--json"))[0]
    check(report, "put")
    assert report["records"] == 50
    assert len(sluice("get", stream).stdout.splitlines()) == 50


def test_what_was_put_is_read(sluice, stream):
    put = reports(sluice("bench", "put", stream, "--seconds", 1, "--record-bytes", 100, "--json"))[0]
    check(put, "put")
    read = reports(sluice("bench", "read", stream, "--seconds", 20, "--json"))[0]
    check(read, "read")
    assert read["records"] == put["records"]


def test_latency_counts_from_when_a_put_was_due(sluice, stream):
    """A service slower than the rate: the wait of puts that were due but not sent is counted."""
    done = sluice("bench", "put", stream, "--rate", 50000, "--connections", 1, "--seconds", 1, "--json")
    report = reports(done)[0]
    assert b"could not be sent in time" in done.stderr
    assert report["records"] < 50000 and report["latency_ms"]["p50"] > 200


def test_latency_and_fanout_leave_no_consumer_behind(sluice, stream):
    put, seen = reports(sluice("bench", "latency", stream, "--rate", 50, "--seconds", 1, "--json"))
    check(put, "put")
    check(seen, "latency")
    assert seen["records"] == put["records"] == 50
    put, seen = reports(sluice("bench", "fanout", stream, "--consumers", 3, "--rate", 50, "--seconds", 1, "--json"))
    check(seen, "fanout")
    assert seen["records"] == 3 * put["records"]
    assert sluice("consumer", "list", stream, "--json").stdout == b""


def test_people_read_a_line(sluice, stream):
    assert b"records/s" in sluice("bench", "put", stream, "--rate", 20, "--seconds", 1).stdout
    for what in ("put", "read", "latency", "fanout"):
        sluice("bench", what, "none", code=4)
