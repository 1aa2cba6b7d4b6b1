"""test_metrics.py: GET /health and GET /metrics."""

import re

from streams import client, wait_active
from wire import call, once

SAMPLE = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\.)*",?)*\})? '
    r"(NaN|[-+]?Inf|[-+]?[0-9.]+(?:e[-+]?\d+)?)"
)


def scrape(server):
    """Every sample by its name and labels; each line must be of the Prometheus text format."""
    got = once(server, "GET", "/metrics")
    assert got.status == 200 and got["content-type"].startswith("text/plain; version=0.0.4")
    samples, kinds = {}, {}
    assert got.body.endswith(b"\n")
    for line in got.body.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert kind in ("counter", "gauge", "histogram", "summary", "untyped")
            assert name not in kinds, f"TYPE of {name} twice"
            kinds[name] = kind
        elif line and not line.startswith("#"):
            m = SAMPLE.fullmatch(line)
            assert m, line
            base = re.sub(r"_(bucket|sum|count)$", "", m[1])
            assert m[1] in kinds or base in kinds, f"{m[1]} has no TYPE"
            assert m[1] + (m[2] or "") not in samples, f"{line} twice"
            samples[m[1] + (m[2] or "")] = float(m[3])
    return samples, kinds


def test_health_says_ok(server):
    got = once(server, "GET", "/health")
    assert got.status == 200 and got["content-type"] == "application/json"
    page = got.json()
    assert page["status"] == "ok" and page["durability"] == "synced"
    assert page["connections"] >= 1 and page["uptime_s"] >= 0


def test_pages_need_no_key(new_server):
    server = new_server("--plain", dev=False)
    assert once(server, "GET", "/health").status == 200
    samples, _ = scrape(server)
    assert samples


def test_metrics_count_what_was_done(new_server):
    server = new_server()
    kinesis = client(server.endpoint)
    before, _ = scrape(server)
    kinesis.create_stream(StreamName="s", ShardCount=3)
    wait_active(kinesis, "s")
    for _ in range(5):
        kinesis.put_record(StreamName="s", Data=b"x" * 99, PartitionKey="k")
    kinesis.put_records(StreamName="s", Records=[{"Data": b"y" * 9, "PartitionKey": "k"}] * 10)
    shard = kinesis.put_record(StreamName="s", Data=b"", PartitionKey="k")["ShardId"]
    at = kinesis.get_shard_iterator(
        StreamName="s", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    kinesis.get_records(ShardIterator=at)
    call(server, "PutRecord", {"StreamName": "nobody", "Data": "", "PartitionKey": "k"})
    after, kinds = scrape(server)
    grown = lambda name: after[name] - before.get(name, 0)
    assert grown("kinesis_incoming_records_total") == 16
    assert grown("kinesis_incoming_bytes_total") == 5 * 100 + 10 * 10 + 1
    assert grown("kinesis_get_records_records_total") == 16
    assert after["sluice_streams"] == 1 and after["sluice_open_shards"] == 3
    assert grown('sluice_operation_seconds_count{operation="PutRecord"}') == 7
    assert grown('sluice_operation_errors_total{operation="PutRecord"}') == 1
    for name, kind in kinds.items():
        if kind == "counter":
            assert name.endswith("_total"), name
    for name, value in before.items():
        if name.split("{")[0].endswith(("_total", "_count", "_bucket")):
            assert after[name] >= value, name


def test_buckets_of_a_histogram_add_up(server):
    call(server, "ListStreams", {})
    samples, kinds = scrape(server)
    name = next(n for n, k in kinds.items() if k == "histogram")
    buckets = {}
    for sample, value in samples.items():
        m = re.fullmatch(name + r'_bucket\{(.*?),?le="([^"]+)"\}', sample)
        if m:
            buckets.setdefault(m[1].rstrip(","), []).append(
                (float(m[2].replace("+Inf", "inf")), value)
            )
    assert buckets
    for labels, rows in buckets.items():
        rows.sort()
        counts = [v for _, v in rows]
        assert counts == sorted(counts) and rows[-1][0] == float("inf")
        total = samples[f"{name}_count" + ("{" + labels + "}" if labels else "")]
        assert counts[-1] == total
