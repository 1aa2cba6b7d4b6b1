"""tallies.py: workers in processes of their own (tests/programs/tally.c), what they wrote, and what must hold of it.

    K1. A shard's log has each of its records, in the shard's order and without a gap: where a lease begins, nothing before it is missing. Exactly once: each
        lease begins where the one before it had committed. At least once: there or before.
    K2. Epochs of a shard only grow, in its log as in the events: what an earlier owner wanted to add after a later one's first word is not there. An
        epoch is of one process.
    K3. A shard's parents ended before it began.

For test_worker.py, for the long run (tests/crash/chaos.py) and for other implementations (tests/interop/test_standins.py).
"""

import collections
import os
import pathlib
import signal
import subprocess
import time

import streams
from server import binary, clean_environment

BACK_SECONDS = 10  # so long at most until a lease is at work again, whatever died

Event = collections.namedtuple("Event", "what shard epoch pid ms more")
Batch = collections.namedtuple("Batch", "epoch pid ms lines")


def program(name):
    """Of tests/programs, of the same build as the program under test."""
    return str(pathlib.Path(binary()).parent / "tests" / "programs" / name)


def client_environment():
    return clean_environment(
        {"AWS_ACCESS_KEY_ID": "dev", "AWS_SECRET_ACCESS_KEY": "dev", "AWS_DEFAULT_REGION": "us-east-1"}
    )


class Workers:
    """Processes of one group, and what they wrote."""

    def __init__(self, server, stream, folder, *words, group="tally"):
        self.server, self.stream, self.folder, self.words, self.group = server, stream, folder, words, group
        self.running = []
        self._events, self._read, self._moments = [], 0, {}

    def start(self, *words):
        process = subprocess.Popen(
            [program("tally"), self.server.endpoint, self.stream, self.group, str(self.folder), *self.words, *words],
            env=client_environment(),
            stderr=open(self.folder / "notices", "ab"),
        )
        self.running.append(process)
        return process

    def kill(self, process):
        """When it was, in milliseconds since 1970."""
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.running.remove(process)
        return now_ms()

    def pause(self, process):
        """It stops with records in hand that it is about to commit, until it gets SIGCONT."""
        process.send_signal(signal.SIGUSR1)
        streams.until(lambda: os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOHANG), words="a batch to stop at")

    def leave(self, process):
        """It is told to stop, and stops as one should."""
        process.send_signal(signal.SIGTERM)
        self.running.remove(process)
        code = process.wait(30)
        assert code == 0, (code, self.notices())

    def stop(self):
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(30) for process in self.running]
        self.running = []
        assert not any(codes), (codes, self.notices())

    def end(self):
        """However they are."""
        for process in list(self.running):
            self.kill(process)

    # -- what they wrote ------------------------------------------------------------------------------

    def events(self):
        path = self.folder / "events"
        if path.exists():
            with open(path, "rb") as file:
                file.seek(self._read)
                fresh = file.read()
            fresh = fresh[: fresh.rfind(b"\n") + 1]
            self._read += len(fresh)
            for line in fresh.decode().splitlines():
                what, shard, epoch, pid, ms, more = line.split(" ")
                self._events.append(Event(what, shard, int(epoch), int(pid), int(ms), more))
        return self._events

    def notices(self):
        return (self.folder / "notices").read_text()

    def states(self):
        """Shard -> epoch, sequence and sub-sequence number, bytes and records of its log."""
        return {p.stem: p.read_text().split() for p in self.folder.glob("*.state")}

    def count(self):
        return sum(int(state[4]) for state in self.states().values())

    def batches(self, shard):
        path = self.folder / f"{shard}.log"
        if not path.exists():
            return []
        size = int((self.folder / f"{shard}.state").read_text().split()[3])
        batches = []
        for line in path.read_bytes()[:size].decode().splitlines():
            if line.startswith("= "):
                batches.append(Batch(*map(int, line.split(" ")[1:]), []))
            else:
                batches[-1].lines.append(line)
        return batches

    def moments(self, shard):
        """Epoch and time of each batch; read once, when nothing is written any more."""
        if shard not in self._moments:
            self._moments[shard] = [(batch.epoch, batch.ms) for batch in self.batches(shard)]
        return self._moments[shard]

    def held(self):
        """Shard -> (process, epoch) of those that have begun one and not ended it."""
        held = {}
        for e in self.events():
            if e.what == "begin":
                held[e.shard] = (e.pid, e.epoch)
            elif e.what == "end" and held.get(e.shard, (0, 0))[1] == e.epoch:
                del held[e.shard]
        return held

    def held_by(self, process):
        return {s: epoch for s, (pid, epoch) in self.held().items() if pid == process.pid}

    def ended(self):
        """Shard -> when its last owner came to its end, as far as it did."""
        last = {}
        for e in self.events():
            if e.what == "end" and e.more == "ended" and e.epoch >= last.get(e.shard, (0, 0))[0]:
                last[e.shard] = (e.epoch, e.ms)
        return {shard: ms for shard, (_, ms) in last.items()}

    def began_since(self, ms):
        """Shard -> when it first began since then."""
        began = {}
        for e in self.events():
            if e.what == "begin" and e.ms >= ms:
                began.setdefault(e.shard, e.ms)
        return began


def now_ms():
    return int(time.time() * 1000)


def wait_back(workers, shards, since_ms):
    """All of them are held by somebody who began after that time; the longest that it took, in seconds."""

    def back():
        began = workers.began_since(since_ms)
        return all(s in began for s in shards) and [began[s] - since_ms for s in shards]

    return max(streams.until(back, 30, f"{shards} back at work") or [0]) / 1000


def stored(kinesis, stream):
    """Shard -> its records, as lines of a tally's log."""
    return {
        shard: [f"{r['SequenceNumber']} 0 {r['Data'].decode()}" for r in records]
        for shard, records in streams.read_stream(kinesis, stream).items()
    }


# ---- what must hold ----


def check_shard(shard, truth, batches, exactly):
    """K1 and K2 of a shard's log; how many of its records were handled again."""
    reached = at = epoch = again = 0
    owners = {}
    for batch in batches:
        where = (shard, batch.epoch, batch.pid, batch.ms)
        assert batch.epoch >= epoch, f"{where}: written after epoch {epoch} had begun"
        assert owners.setdefault(batch.epoch, batch.pid) == batch.pid, f"{where}: of {owners[batch.epoch]}"
        if batch.epoch > epoch:
            epoch = batch.epoch
            at = begins_at(truth, batch.lines[0], reached, where)
            assert at == reached or not exactly, f"{where}: begins {reached - at} records back"
        wanted = truth[at : at + len(batch.lines)]
        assert batch.lines == wanted, f"{where}: {first_difference(batch.lines, wanted)}"
        end = at + len(batch.lines)
        again += max(0, min(end, reached) - at)
        at, reached = end, max(reached, end)
    assert reached == len(truth), f"{shard}: {reached} of {len(truth)} records handled"
    return again


def begins_at(truth, line, reached, where):
    """Where in the shard a lease begins: at its first record that was not handled before, or earlier."""
    if reached < len(truth) and truth[reached] == line:
        return reached
    assert line in truth, f"{where}: begins with {line}, which is not the shard's"
    at = truth.index(line)
    assert at <= reached, f"{where}: passes over {at - reached} records"
    return at


def first_difference(lines, wanted):
    for line, right in zip(lines, wanted):
        if line != right:
            return f"{line} where {right} was to come"
    return f"{len(lines)} records where {len(wanted)} were to come"


def check_handled(truth, workers, exactly=True):
    """K1 and K2 of all shards; how many records were handled again."""
    strange = workers.states().keys() - truth.keys()
    assert not strange, strange
    return sum(check_shard(shard, lines, workers.batches(shard), exactly) for shard, lines in truth.items())


def check_fencing(workers):
    """K2 in the events: an epoch of a shard begins once, and epochs follow each other."""
    epochs = collections.defaultdict(list)
    for e in workers.events():
        if e.what == "begin":
            epochs[e.shard].append(e.epoch)
    for shard, seen in epochs.items():
        assert seen == sorted(set(seen)), (shard, seen)


def check_parents(shards, workers):
    """K3, of the stream's shards as ListShards has them; how many times a parent was looked at."""
    first, ended, looked = workers.began_since(0), workers.ended(), 0
    for shard in shards:
        for parent in (shard.get("ParentShardId"), shard.get("AdjacentParentShardId")):
            if parent:
                assert ended[parent] <= first[shard["ShardId"]], (parent, shard["ShardId"])
                looked += 1
    return looked


def check_exactly_once(kinesis, workers):
    """All of it, of a stream to which nothing is put any more, as soon as all its records are handled; how many they are."""
    truth = stored(kinesis, workers.stream)
    total = sum(map(len, truth.values()))
    streams.until(lambda: workers.count() >= total, 60, "all records in the logs")
    check_handled(truth, workers)
    check_parents(streams.shards(kinesis, workers.stream), workers)
    return total
