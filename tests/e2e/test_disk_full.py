"""test_disk_full.py: a disk with no room: puts are refused, reads go on, and service resumes when there is room again.

The disk is a small tmpfs of its own, mounted here, or, where that is not allowed, in the server's own mount namespace. Where neither
can be done the test fails: it never passes unseen."""

import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
import time

import botocore.exceptions
import pytest

from server import Server, ServerProblem
from streams import client, read_stream, until, wait_active

DISK_MIB, BALLAST_MIB = 96, 40
FLAGS = ["--segment-size", "4MiB", "--memtable-memory", "16MiB", "--disk-reserve", "4MiB"]
REFUSALS = ("InternalFailure", "ProvisionedThroughputExceededException", "LimitExceededException")


@pytest.fixture
def small_disk():
    """(server, the disk's folder as we can see it)"""
    folder = tempfile.mkdtemp(prefix="sluice-disk-")
    options = f"size={DISK_MIB}m,mode=0700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "sluice-test", folder], capture_output=True
    )
    prefix = []
    if mounted.returncode != 0:
        script = f'mount -t tmpfs -o {options} sluice-test {shlex.quote(folder)} && exec "$@"'
        prefix = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
        tried = subprocess.run([*prefix, "true"], capture_output=True, text=True)
        if tried.returncode != 0:
            pytest.fail(
                "cannot test a full disk: neither mount nor unshare is allowed here: "
                f"{mounted.stderr.decode()} {tried.stderr}"
            )
    server = Server(data=os.path.join(folder, "data"), flags=FLAGS, prefix=prefix)
    try:
        server.start()
        seen = pathlib.Path(folder if not prefix else f"/proc/{server.pid}/root{folder}")
        yield server, seen, bool(prefix)
        server.stop()
    finally:
        server.kill() if server.alive() else None
        if not prefix:
            subprocess.run(["umount", "-l", folder], check=True)
        shutil.rmtree(folder, ignore_errors=True)


def grow(file):
    """Writes until the disk has no byte left."""
    try:
        with open(file, "wb") as f:
            while True:
                f.write(bytes(1 << 16))
                f.flush()
    except OSError:
        return


def start_without_room(server):
    """It serves, or it says why not and ends; it never hangs, and never harms what is there."""
    server.spawn()
    try:
        server.wait_ready()
    except ServerProblem:
        server.problems.clear()
        assert server.process.returncode > 0 and "No space left on device" in server.stderr


def put(kinesis, n, size):
    """(data, sequence number), or the refusal's code."""
    data = f"{n}:".encode() + bytes([n % 251]) * size
    try:
        got = kinesis.put_record(StreamName="s", Data=data, PartitionKey=str(n))
        return data, (got["ShardId"], got["SequenceNumber"])
    except botocore.exceptions.ClientError as e:
        return None, e.response["Error"]["Code"]


def stored(kinesis):
    return {
        (shard, r["SequenceNumber"]): r["Data"]
        for shard, records in read_stream(kinesis, "s").items()
        for r in records
    }


def fill(kinesis, acknowledged, start, size, most):
    """Puts until one is refused ten times in a row."""
    refusals = 0
    for n in range(start, start + most):
        data, answer = put(kinesis, n, size)
        if data is None:
            assert answer in REFUSALS, answer
            refusals += 1
            if refusals == 10:
                return n + 1
            continue
        refusals = 0
        acknowledged[answer] = data
    pytest.fail(f"{most} puts of {size} bytes on a disk of {DISK_MIB} MiB, and none was refused")


def test_a_full_disk_refuses_puts_serves_reads_and_recovers(small_disk):
    server, disk, namespaced = small_disk
    kinesis = client(server.endpoint)
    kinesis.create_stream(StreamName="s", ShardCount=2)
    wait_active(kinesis, "s")
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(BALLAST_MIB << 20))
    acknowledged = {}
    for n in range(50):
        data, answer = put(kinesis, n, 1000)
        assert data is not None, answer
        acknowledged[answer] = data

    n = fill(kinesis, acknowledged, 50, 200000, 1000)
    n = fill(kinesis, acknowledged, n, 2000, 20000)
    assert server.health() == 200
    assert acknowledged.items() <= stored(kinesis).items(), "reads go on"
    data, answer = put(kinesis, n, 2000)
    assert data is not None or answer in REFUSALS
    entries = kinesis_put_many(kinesis, n + 1)
    assert entries is None or all("ErrorCode" in e or "SequenceNumber" in e for e in entries)

    # A file of no concern to the server grows into what room is left: even its reserve is gone.
    grow(disk / "rest")
    for k in range(20):
        data, answer = put(kinesis, n + 1000 + k, 50000)
        if data is None:
            assert answer in REFUSALS
        else:
            acknowledged[answer] = data
    assert acknowledged.items() <= stored(kinesis).items(), "reads go on without a byte free"

    (disk / "rest").unlink()
    ballast.unlink()

    def resumed():
        data, answer = put(kinesis, n + 2000 + int(time.monotonic() * 1000) % 100000, 10000)
        if data is not None:
            acknowledged[answer] = data
        return data is not None

    until(resumed, 30, "puts after space was freed")
    for k in range(100):
        data, answer = put(kinesis, n + 200000 + k, 10000)
        assert data is not None, answer
        acknowledged[answer] = data
    now = stored(kinesis)
    assert acknowledged.items() <= now.items()
    assert len(set(now.values())) == len(now), "nothing is stored twice"
    if not namespaced:  # whose disk goes with its server
        grow(disk / "rest")
        server.kill()
        start_without_room(server)
        (disk / "rest").unlink()
        server.restart() if server.alive() else server.start()
        assert stored(client(server.endpoint)) == now


def kinesis_put_many(kinesis, n):
    try:
        return kinesis.put_records(
            StreamName="s",
            Records=[
                {"Data": f"{n}-{k}:".encode() + bytes(50000), "PartitionKey": f"{n}-{k}"}
                for k in range(20)
            ],
        )["Records"]
    except botocore.exceptions.ClientError as e:
        assert e.response["Error"]["Code"] in REFUSALS
        return None
