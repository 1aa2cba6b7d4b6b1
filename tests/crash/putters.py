"""putters.py: `sluice put` as a process of its own, fed at a rate: numbered records of many keys, whatever becomes of the server meanwhile.

Line i of putter p is `pPkK:N:...`: its key is one of KEYS by turns, N counts the records of that key. So a line follows from p and i, nothing is
remembered, and a reader knows what must come next of each key. Where each was stored, `sluice put --json` says.
"""

import json
import subprocess
import threading
import time

import streams
from server import binary
from tallies import client_environment

KEYS = 61  # of each putter
TICK_SECONDS = 0.02


def line_of(putter, i):
    return f"p{putter}k{i % KEYS}:{i // KEYS}:{'.' * (i * 7919 % 127)}"


class Putter:
    """Ordered and idempotent: what it puts is stored once, in its order for each key."""

    def __init__(self, server, stream, folder, number, a_second, aggregate):
        self.number, self.a_second = number, a_second
        self.fed, self.enough = 0, threading.Event()
        self.stored, self.complaints = folder / f"stored-{number}", folder / f"put-{number}"
        words = ["put", stream, "--endpoint", server.endpoint, "--key", "1", "--separator", ":", "--ordered", "--idempotent", "--json"]
        self.process = subprocess.Popen(
            [binary(), *words, *(["--aggregate"] if aggregate else [])],
            env=client_environment(),
            stdin=subprocess.PIPE,
            stdout=open(self.stored, "wb"),
            stderr=open(self.complaints, "wb"),
        )
        self.thread = threading.Thread(target=self._feed, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def _feed(self):
        """At its rate until it is enough; a put that takes nothing for a while is caught up with later."""
        began = time.monotonic()
        while not self.enough.is_set():
            due = int((time.monotonic() - began) * self.a_second)
            lines = "".join(line_of(self.number, i) + "\n" for i in range(self.fed, due))
            try:
                self.process.stdin.write(lines.encode())
                self.process.stdin.flush()
            except BrokenPipeError:
                return  # it ended: finish() says how
            self.fed = max(self.fed, due)
            self.enough.wait(TICK_SECONDS)

    def finish(self, seconds):
        """No more; all that was fed is stored."""
        self.enough.set()
        self.thread.join(seconds)
        self.process.stdin.close()
        code = self.process.wait(seconds)
        assert code == 0, f"sluice put ended with {code}: {self.complaints.read_text()}"

    def places(self):
        """Of each record: shard, sequence number, sub-sequence number, and the record."""
        for text in self.stored.read_text().splitlines():
            at = json.loads(text)
            yield at["shardId"], at["sequenceNumber"], at["subSequenceNumber"], line_of(self.number, at["line"] - 1)

    def kill(self):
        self.enough.set()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def truth_of(putters, kinesis, stream):
    """Shard -> what was stored there, in order, as lines of a tally's log. All that was fed is there once, each key's records in their order."""
    places = {shard["ShardId"]: [] for shard in streams.shards(kinesis, stream)}
    for putter in putters:
        for shard, sequence, sub, data in putter.places():
            places[shard].append((int(sequence), sub, data))
    coming = {}
    for shard in sorted(places):  # parents before their children
        places[shard].sort()
        for sequence, sub, data in places[shard]:
            key, number, _ = data.split(":")
            assert int(number) == coming.get(key, 0), f"{shard} {sequence} {sub}: {key} {number}, not {coming.get(key, 0)}"
            coming[key] = int(number) + 1
    assert sum(coming.values()) == sum(p.fed for p in putters), "not all that was fed was stored"
    return {shard: [f"{sequence} {sub} {data}" for sequence, sub, data in at] for shard, at in places.items()}
