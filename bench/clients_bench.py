#!/usr/bin/env python3
"""clients_bench.py: our SDK beside AWS's own libraries, on one stream of one server: records a second, processor time, memory.

Each round: our producer and the KPL 1.1 put as many 1 KiB records each, aggregated; then our worker (polling, push) and the KCL 3 (polling, fan-out) each read
all that the round's producers put, and checkpoint each shard once a second. One after the other, never two at once; each round begins with another. Every client is a
process of its own (bench/clients_sdk.c, tests/interop/kcl/Load.java) that sees every record's number: a record missing or twice fails the benchmark.

All speak TLS with signatures verified, since the KPL has nothing else. Ours speaks CBOR over HTTP/1.1, the KPL JSON over HTTP/1.1, the KCL CBOR over HTTP/2; ours with CBOR chosen,
theirs as they are. Where a default of a library would limit it, it is lifted: see Load.java. The JVM may take a heap of --heap (1 GiB). KCL's leases are in moto's DynamoDB, whose
processor time is told in the notes and counted nowhere.

The clock begins when a client says so and stands still. A producer, after --warm records: its JVM, the KPL's native program, connections and the compiler's first steps are
before it. A reader, when the first of its shards is leased and none of it was asked for: its JVM and its leases are before it, the compiler's first steps are not. It ends with the last
record stored or handled; the later half of reading is shown by itself. Processor time is of all processes of the client (/proc/PID/stat), over the same span; memory is the sum of
their peaks (VmHWM), from their start on.

With --write FILE the figures go there, as rows of a table (bench/run)."""

import argparse
import contextlib
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "interop"), str(ROOT / "tests" / "e2e")]
import boto3  # noqa: E402
import toolchains  # noqa: E402
from server import REGION, Server  # noqa: E402
import standins  # noqa: E402
from streams import wait_active  # noqa: E402

STREAM, SHARDS, CLIENT_SECONDS = "table", 16, 240
OURS, AWS = "ours", "AWS's"
PRODUCERS = [(OURS, "produce"), (AWS, "produce")]
READERS = [(OURS, "poll"), (AWS, "polling"), (OURS, "push"), (AWS, "fanout")]
WORDS = {
    (OURS, "produce"): "put, our producer",
    (AWS, "produce"): "put, KPL 1.1",
    (OURS, "poll"): "read by GetRecords, our worker",
    (AWS, "polling"): "read by GetRecords, KCL 3",
    (OURS, "push"): "read by SubscribeToShard, our worker",
    (AWS, "fanout"): "read by SubscribeToShard, KCL 3",
}
OTHER = {(AWS, "produce"): (OURS, "produce"), (AWS, "polling"): (OURS, "poll"), (AWS, "fanout"): (OURS, "push")}


# ---- processes


def family(pid):
    """The process and all that it started."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                yield from family(int(child))


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
            total += int(words[11]) + int(words[12])
    return total / os.sysconf("SC_CLK_TCK")


def peak_mib(pids):
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
            total += int(found[1]) if found else 0
    return total / 1024


class Client:
    """A process that says a line, and waits for one."""

    def __init__(self, words, env, log):
        self.log = log
        with open(log, "w") as errors:
            self.process = subprocess.Popen(
                [str(w) for w in words], env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
            )
        self.limit = threading.Timer(CLIENT_SECONDS, self.kill)
        self.limit.start()

    def hear(self, word):
        """What it says after that word; what else a library prints is not ours."""
        for line in self.process.stdout:
            if line.split()[:1] == [word]:
                return line.split()[1:]
        raise SystemExit(f"{' '.join(self.process.args)[-200:]}: no {word}\n{self.log.read_text()[-4000:]}")

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self):
        self.process.wait(60)
        assert self.process.returncode == 0, f"ended with {self.process.returncode}\n{self.log.read_text()[-4000:]}"

    def kill(self):
        self.limit.cancel()
        if self.process.poll() is None:
            for pid in list(family(self.process.pid))[::-1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)
            self.process.wait()


# ---- the bench


class Bench:
    def __init__(self, server, folder, moto, java, options):
        self.server, self.folder, self.moto, self.options = server, folder, moto, options
        key, secret = server.root_key()
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SLUICE_"))} | {
            "AWS_ENDPOINT_URL_KINESIS": server.endpoint,
            "AWS_ENDPOINT_URL_DYNAMODB": moto.address,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_CA_BUNDLE": server.ca,
        }
        trust = toolchains.java_trust(server.ca, folder / "ca.p12")
        (folder / "tmp").mkdir()
        self.programs = {
            OURS: [ROOT / "build" / "release" / "bench" / "clients_sdk"],
            AWS: [*java, *trust, f"-Xmx{options.heap}", f"-Djava.io.tmpdir={folder / 'tmp'}", *options.java, "Load"],
        }
        kinesis = boto3.client(
            "kinesis", endpoint_url=server.endpoint, region_name=REGION, verify=server.ca, aws_access_key_id=key, aws_secret_access_key=secret
        )
        kinesis.create_stream(StreamName=STREAM, ShardCount=SHARDS)
        wait_active(kinesis, STREAM)
        self.found = {}

    def run(self, client, records, *more, total=None):
        """One client's turn: what it took, for each record that the clock saw."""
        whose, how = client
        one = Client([*self.programs[whose], how, STREAM, records, *more], self.env, self.folder / "client.log")
        began = time.monotonic()
        try:
            one.hear("begin")
            pids = list(family(one.process.pid))
            own_before, server, moto = cpu_seconds(pids), cpu_seconds([self.server.pid]), cpu_seconds([self.moto.pid])
            waited = time.monotonic() - began
            one.go()
            half = self.half(one, pids) if how != "produce" else None
            seconds, count, total_seen = one.hear("end")
            own, server, moto = (
                cpu_seconds(pids) - own_before,
                cpu_seconds([self.server.pid]) - server,
                cpu_seconds([self.moto.pid]) - moto,
            )
            mib = peak_mib(pids)
            one.go()
            one.end()
        finally:
            one.kill()
        assert total is None or int(total_seen) == total, f"{WORDS[client]}: not every record came once"
        seconds, millions = float(seconds), int(count) / 1e6
        figures = {
            "records/s": int(count) / seconds,
            "client s": own / millions,
            "server s": server / millions,
            "MiB": mib,
            "moto s": moto / millions,
            "waited": waited,
        }
        if half:
            figures["later records/s"] = (int(count) - half[1]) / (seconds - half[0])
            figures["later client s"] = (own - (half[2] - own_before)) / (int(count) - half[1]) * 1e6
        print(f"  {WORDS[client]}: {', '.join(f'{v:.1f} {k}' for k, v in figures.items())}", flush=True)
        self.found.setdefault(client, []).append(figures)

    @staticmethod
    def half(one, pids):
        """Seconds, records and processor time at about half of them: what comes later has a warm compiler."""
        seconds, count, _ = one.hear("half")
        return float(seconds), int(count), cpu_seconds(pids)

    def round(self, number):
        records, warm = self.options.records, self.options.warm
        time.sleep(0.01)  # what this round puts is later than what the one before did, in milliseconds
        start_ms = int(time.time() * 1000)
        print(f"round {number + 1}", flush=True)
        for client in turned(PRODUCERS, number):
            self.run(client, records, warm)
        every = 2 * sum(range(records + warm))
        for client in turned(READERS, number):
            group = f"{client[1]}-{number}"
            self.run(client, 2 * (records + warm), group, start_ms, total=every)


def turned(some, by):
    by %= len(some)
    return some[by:] + some[:by]


# ---- the table


def middle(rounds, what):
    return statistics.median(one[what] for one in rounds)


def ratio(ours, theirs, what):
    return statistics.median(a[what] / b[what] for a, b in zip(ours, theirs))


def rows(found):
    """A row a client; under AWS's, ours for each of its own."""
    yield "| | records/s | client's CPU, s per million records | server's CPU, s per million records | client's peak memory | |\n"
    yield "|---|---|---|---|---|---|\n"
    for client in [*PRODUCERS, *READERS]:
        one = found[client]
        rates = [f["records/s"] for f in one]
        note = f"{min(rates):,.0f} to {max(rates):,.0f} records/s in {len(one)} rounds"
        if "later records/s" in one[0]:
            note += f"; the later half alone {middle(one, 'later records/s'):,.0f} records/s, {middle(one, 'later client s'):.2f} s"
        if client[0] == AWS and client[1] != "produce":
            note += f"; moto took {middle(one, 'moto s'):.1f} s per million"
        yield (
            f"| {WORDS[client]} | {middle(one, 'records/s'):,.0f} | {middle(one, 'client s'):.2f} | {middle(one, 'server s'):.2f} "
            f"| {middle(one, 'MiB'):,.0f} MiB | {note} |\n"
        )
        if client in OTHER:
            ours = found[OTHER[client]]
            cells = [f"{ratio(ours, one, what):.2g} x" for what in ("records/s", "client s", "server s", "MiB")]
            yield f"| *ours : {WORDS[client].split(', ')[1]}* | {' | '.join(cells)} | medians of the rounds' own ratios |\n"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--records", type=int, default=150_000, help="that each producer puts in a round, after the warm ones")
    p.add_argument("--warm", type=int, default=50_000)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--heap", default="1g", help="of the JVM, at most")
    p.add_argument("--java", action="append", default=[], help="one more flag of the JVM")
    p.add_argument("--quick", action="store_true")
    p.add_argument("--write", metavar="FILE")
    a = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what it started ends with it
    if a.quick:
        a.records, a.warm, a.rounds = 20_000, 5_000, 1
    data = ROOT / "build" / "bench-data"
    data.mkdir(exist_ok=True)
    java = toolchains.java("kcl")
    folder = Path(tempfile.mkdtemp(prefix="clients-", dir=data))
    try:
        with standins.moto(folder / "moto.log") as moto:
            server = Server(data=folder / "data", dev=False).start()
            try:
                bench = Bench(server, folder, moto, java, a)
                for number in range(a.rounds):
                    bench.round(number)
            finally:
                server.stop()
    finally:
        shutil.rmtree(folder)
    table = "".join(rows(bench.found))
    print(table)
    if a.write:
        Path(a.write).write_text(table)


if __name__ == "__main__":
    main()
