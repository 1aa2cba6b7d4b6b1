#!/usr/bin/env python3
"""delivery_bench.py: how fast do records leave for S3, and what does that cost the server?

Each round puts --mib of the machine's package index into a delivery stream while the S3 server is held still (SIGSTOP), lets it go, and measures until all of it
is there: that is delivery alone, as after an outage. The limit: curl, four at a time, signing likewise, puts the same objects into the same S3 server. Then the same with
GZIP: what that adds to the server's processor time, beside zlib at level 6 over the same bytes, in this process. The log's tail in memory is smaller than what is put:
much of it is read from the disk. Then an outage: memory while the S3 server is gone, with a quarter of the records and with all, and how fast they leave once it is back, with more
records coming.

With --write FILE the figures go there, as rows of a table (bench/run)."""

import argparse
import hashlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "delivery"), str(ROOT / "tests" / "e2e")]
import boto3  # noqa: E402
from s3_server import ACCESS_KEY, SECRET_KEY, S3Server  # noqa: E402
from server import Server  # noqa: E402
from torture import ROLE, call_ours, package_index  # noqa: E402

BATCH, RECORD_BYTES, WRITERS, AT_ONCE, SIZE_MIB = 500, 1000, 4, 4, 5
INPUT_RECORDS_S = 5000  # goes on while it catches up
MIB = 1 << 20


def payload(mib):
    """The package index, again and again, in records of one length."""
    text = b"".join(package_index(1 << 30)) or os.urandom(MIB)
    whole = (text * (mib * MIB // len(text) + 1))[: mib * MIB]
    return [whole[i : i + RECORD_BYTES] for i in range(0, len(whole), RECORD_BYTES)]


def cpu_seconds(pid):
    words = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


class Round:
    def __init__(self, records, compression):
        self.records, self.compression = records, compression
        self.s3 = S3Server().start()
        self.s3.make_bucket("lake")
        flags = [f"--s3-endpoint={self.s3.endpoint}", f"--s3-access-key={ACCESS_KEY}"]
        self.server = Server(flags=flags, env={"SLUICE_S3_SECRET_KEY": SECRET_KEY}).start()

    def client(self):
        keys = {"aws_access_key_id": "dev", "aws_secret_access_key": "dev"}
        return boto3.client("firehose", endpoint_url=self.server.endpoint, region_name="us-east-1", **keys)

    def create(self):
        self.client().create_delivery_stream(
            DeliveryStreamName="d",
            ExtendedS3DestinationConfiguration={
                "RoleARN": ROLE,
                "BucketARN": "arn:aws:s3:::lake",
                "Prefix": "in/!{timestamp:yyyy}/",
                "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
                "BufferingHints": {"SizeInMBs": SIZE_MIB, "IntervalInSeconds": 900},
                "CompressionFormat": self.compression,
            },
        )

    def put_all(self):
        batches = iter(range(0, len(self.records), BATCH))
        lock = threading.Lock()

        def write():
            client = self.client()
            while True:
                with lock:
                    at = next(batches, None)
                if at is None:
                    return
                some = [{"Data": r} for r in self.records[at : at + BATCH]]
                answer = client.put_record_batch(DeliveryStreamName="d", Records=some)
                assert answer["FailedPutCount"] == 0

        writers = [threading.Thread(target=write) for _ in range(WRITERS)]
        for w in writers:
            w.start()
        for w in writers:
            w.join()

    def deliver(self):
        """Seconds, and the server's processor time from the first put on: what it takes from the log before the S3 server goes on, it compresses then."""
        cpu = cpu_seconds(self.server.pid)
        self.s3.process.send_signal(signal.SIGSTOP)
        self.create()
        self.put_all()
        ended = []

        def flush():
            status, answer = call_ours(self.server, "FlushDeliveryStream", "d", 300)
            ended.append((status, answer, time.monotonic()))

        waits = threading.Thread(target=flush)
        waits.start()
        began = time.monotonic()
        self.s3.process.send_signal(signal.SIGCONT)
        waits.join()
        assert ended[0][0] == 200, ended
        return ended[0][2] - began, cpu_seconds(self.server.pid) - cpu

    def anonymous_mib(self):
        """What is resident and no file's."""
        status = Path(f"/proc/{self.server.pid}/status").read_text()
        return int(status.split("RssAnon:")[1].split()[0]) // 1024

    def outage(self):
        """Memory, and the rates of putting and of catching up: with the S3 server gone, then back while records come on."""
        self.s3.kill()
        self.create()
        began = time.monotonic()
        self.put_all()
        put = len(self.records) / (time.monotonic() - began)
        memory = self.anonymous_mib()
        caught = threading.Event()
        more = threading.Thread(target=self.put_on, args=(caught,))
        began = time.monotonic()
        more.start()
        self.s3.start()
        status, answer = call_ours(self.server, "FlushDeliveryStream", "d", 300)
        seconds = time.monotonic() - began
        caught.set()
        more.join()
        assert status == 200, answer
        return memory, put, len(self.records) / seconds

    def put_on(self, caught):
        client, began, count = self.client(), time.monotonic(), 0
        while not caught.wait(max(0, began + count / INPUT_RECORDS_S - time.monotonic())):
            some = [{"Data": r} for r in self.records[:BATCH]]
            assert client.put_record_batch(DeliveryStreamName="d", Records=some)["FailedPutCount"] == 0
            count += BATCH

    def objects(self):
        files = [p for p in (self.s3.folder / "data" / "lake" / "in").rglob("*") if p.is_file()]
        assert files
        return files

    def curl(self):
        """Seconds that curl takes for the same objects. It is told their digests (curl before 7.89 signs no body by itself), so the server checks as much as it does
        of ours, and the limit has hashed nothing."""
        blocks = []
        for i, path in enumerate(self.objects()):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            blocks.append(
                f'upload-file = "{path}"\nurl = "{self.s3.endpoint}/lake/curl/{i}"\noutput = /dev/null\nfail\n'
                f'aws-sigv4 = "aws:amz:us-east-1:s3"\nuser = "{ACCESS_KEY}:{SECRET_KEY}"\nheader = "x-amz-content-sha256: {digest}"\nheader = "Expect:"\n'
            )
        with tempfile.NamedTemporaryFile("w", suffix=".curl") as config:
            config.write("next\n".join(blocks))
            config.flush()
            began = time.monotonic()
            subprocess.run(["curl", "-s", "-S", "--no-progress-meter", "-Z", "--parallel-max", str(AT_ONCE), "-K", config.name], check=True)
            return time.monotonic() - began

    def close(self):
        self.server.stop()
        self.s3.close()


def measure(records, compression, rounds):
    mib = sum(map(len, records)) / MIB
    rate, limit, cost, most = [], [], [], 0
    for i in range(rounds):
        r = Round(records, compression)
        try:
            seconds, cpu = r.deliver()
            rate.append(mib / seconds)
            limit.append(mib / r.curl())
            cost.append(cpu * 1000 / mib)
            most = max(most, r.server.rss_kib() // 1024)
        finally:
            r.close()
        print(f"  {compression}, round {i + 1}: {rate[-1]:.0f} MiB/s, curl {limit[-1]:.0f} MiB/s, server {cost[-1]:.2f} ms/MiB", flush=True)
    return rate, limit, cost, most


def measure_outage(records):
    r = Round(records, "UNCOMPRESSED")
    try:
        return r.outage()
    finally:
        r.close()


def zlib_cost(records):
    """Milliseconds of zlib at level 6 for each MiB."""
    whole = b"".join(records)
    began = time.process_time()
    zlib.compress(whole, 6)
    return (time.process_time() - began) * 1000 / (len(whole) / MIB)


def row(what, measured, limit="", ratio=None, least=None, note=""):
    verdict = "" if least is None else "PASS" if ratio >= least else "**SHORT**"
    wanted = "" if least is None else f"at least {least:.2f}"
    shown = "" if ratio is None else f"{ratio:.2f}"
    print(f"{what}: {measured}; {limit}; {shown} {wanted} {verdict} {note}")
    return f"| delivery | {what} | {measured} | {limit} | {shown} | {wanted} | {verdict} | {note} |\n"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--mib", type=int, default=512)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--quick", action="store_true")
    p.add_argument("--write", metavar="FILE")
    a = p.parse_args()
    records, rounds = payload(64 if a.quick else a.mib), 1 if a.quick else a.rounds
    middle = statistics.median
    rows = ["| | what | measured | its limit, same run | ratio | wanted | | |\n", "|---|---|---|---|---|---|---|---|\n"]
    rate, limit, cost, most = measure(records, "UNCOMPRESSED", rounds)
    ratio = middle([r / l for r, l in zip(rate, limit)])
    curl = f"curl with the same objects: {middle(limit):.0f} MiB/s"
    note = f"{min(rate):.0f} to {max(rate):.0f} MiB/s in {rounds} rounds; at most {most} MiB resident"
    rows.append(row("from a delivery stream to S3, uncompressed", f"{middle(rate):.0f} MiB/s", curl, ratio, 0.8, note))
    plain = middle(cost)
    rows.append(row("put and delivered, processor time in the server", f"{plain:.2f} ms/MiB"))
    rate, _, cost, most = measure(records, "GZIP", rounds)
    alone, more = zlib_cost(records), middle(cost) - plain
    note = f"{more:.2f} more than without; {middle(rate):.0f} MiB/s; at most {most} MiB resident"
    rows.append(row("the same with GZIP", f"{middle(cost):.2f} ms/MiB", f"zlib -6 alone: {alone:.2f} ms/MiB", more / alone, None, note))
    small, _, _ = measure_outage(records[: len(records) // 4])
    large, put, caught = measure_outage(records)
    mib = sum(map(len, records)) // MIB
    waits = f"with {mib // 4} MiB: {small} MiB"
    rows.append(row(f"resident and no file's, {mib} MiB waiting for a destination that is gone", f"{large} MiB", waits, large / small, None))
    note = f"the backlog put at {put:,.0f} records/s; {INPUT_RECORDS_S:,} records/s come on meanwhile"
    came = f"what comes: {INPUT_RECORDS_S:,} records/s"
    rows.append(row("catching up, when it is back", f"{caught:,.0f} records/s", came, caught / INPUT_RECORDS_S, 1, note))
    if a.write:
        Path(a.write).write_text("".join(rows))


if __name__ == "__main__":
    main()
