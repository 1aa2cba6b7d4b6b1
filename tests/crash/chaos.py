#!/usr/bin/env python3
"""chaos.py: two groups of workers on one stream, while workers and the server are killed, and shards split and merged.

    tests/crash/chaos.py [--records N] [--seconds S] [--seed N] [--shards N] [--putters N] [--workers N] [--keep], and how often each thing happens: --help

Putters (`sluice put`, ordered and idempotent, every second one aggregating) put numbered records at a steady rate, until there are N of them and all has
happened that is to happen. In the group `exactly` a handler commits its result with its place (tests/programs/tally.c); in the group `least` it
does not look at the place, and its worker checkpoints once a second. What happens, in an order of chance, spread over S seconds:

    kill      a worker of each group: SIGKILL; another is started up to two seconds later
    pause     a worker of each group: SIGSTOP, with records in hand, until its shards are others', then SIGCONT
    leave     a worker of each group: SIGTERM, and another one
    server    SIGKILL of the server, and a start on the same folder and port
    together  a worker of each group, and the server
    split, merge   of any open shard, of any two neighbours; every second one with the server killed in its middle

In the end:

 K1 to K3 of tests/e2e/tallies.py for both groups, against where the putters were told that their records are.
 W1. What is put is stored once, in order for each key, over splits and merges.
 W2. After each of these things every lease is back at work in under 10 s: whoever has the shard then was handed records of it (has begun it, where there are none any more, or it
     was lost again before). When the server went away that holds for all leases, lost or not, and for records that were read when it was back.
 W3. It was not for nothing: in `exactly` records came again and were left out, in `least` they were handled again; who was paused was refused what he had in hand.

Exit code 0 when all hold, else 1.
"""

import argparse
import collections
import dataclasses
import pathlib
import random
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import botocore.exceptions  # noqa: E402

import streams  # noqa: E402
from putters import Putter, truth_of  # noqa: E402
from server import Server  # noqa: E402
from tallies import BACK_SECONDS, Workers, check_fencing, check_handled, check_parents, now_ms  # noqa: E402

STREAM = "chaos"
SESSION_MS = 6000  # the SDK's own
GROUPS = {"exactly": ["threads=4", "slow=1000"], "least": ["threads=4", "slow=1000", "apart", "every=1000"]}
HAPPENINGS = {"kill": 10, "pause": 2, "leave": 2, "server": 4, "together": 2, "split": 6, "merge": 6}
LATE_SECONDS = 30  # as long as a lease that does not come back is waited for, so that it can be said how late it was


@dataclasses.dataclass
class Loss:
    """Something that happened: to which shards of whose workers, and from which epoch on they are back."""

    what: str
    workers: Workers
    epochs: dict  # of shards
    ms: int = dataclasses.field(default_factory=now_ms)
    up_ms: int = 0  # when there was a server again: what was read before does not count


class Chaos:
    def __init__(self, options, folder):
        self.options, self.random = options, random.Random(options.seed)
        self.server = Server(data=folder / "data").start()
        self.kinesis().create_stream(StreamName=STREAM, ShardCount=options.shards)
        streams.wait_active(self.kinesis(), STREAM)
        self.groups = []
        for name, words in GROUPS.items():
            (folder / name).mkdir()
            workers = Workers(self.server, STREAM, folder / name, *words, f"session={SESSION_MS}", group=name)
            self.groups.append(workers)
        rate = options.records / options.seconds / options.putters
        self.putters = [
            Putter(self.server, STREAM, folder, n, rate, aggregate=n % 2 == 1) for n in range(options.putters)
        ]
        self.happened, self.cut = collections.Counter(), 0
        self.losses = []

    def kinesis(self):
        return streams.client(self.server.endpoint, timeout=20)

    # -- what happens ---------------------------------------------------------------------------------

    def start_worker(self, workers):
        return workers.start(f"fetch={self.random.choice(['poll', 'push'])}")

    def lost_by(self, what, group, process):
        """To be called just before: its shards must be somebody's of a later epoch."""
        epochs = {shard: epoch + 1 for shard, epoch in group.held_by(process).items()}
        self.losses.append(Loss(what, group, epochs))

    def all_lost(self, what):
        """To be called just before: all shards must be at work again, whoever has them then."""
        for group in self.groups:
            held = {shard: epoch for shard, (_, epoch) in group.held().items()}
            self.losses.append(Loss(what, group, held))

    def restart_server(self):
        time.sleep(self.random.random())  # not a wait: so long it is away
        self.server.start()
        for loss in self.losses[-len(self.groups) :]:
            loss.up_ms = now_ms()

    def kill(self, what="kill"):
        for group in self.groups:
            process = self.random.choice(group.running)
            self.lost_by(what, group, process)
            group.kill(process)

    def happen_kill(self):
        self.kill()
        time.sleep(self.random.random() * 2)  # not a wait: so long until somebody starts it again
        for group in self.groups:
            self.start_worker(group)

    def happen_pause(self):
        paused = [(group, self.random.choice(group.running)) for group in self.groups]
        for group, process in paused:
            group.pause(process)
            self.lost_by("pause", group, process)
        try:
            self.wait_back()
        finally:
            for _, process in paused:
                process.send_signal(signal.SIGCONT)

    def happen_leave(self):
        for group in self.groups:
            process = self.random.choice(group.running)
            self.lost_by("leave", group, process)
            group.leave(process)
            self.start_worker(group)

    def happen_server(self):
        self.all_lost("server")
        self.server.kill()
        self.restart_server()

    def happen_together(self):
        self.kill("together")
        self.all_lost("together")
        self.server.kill()
        self.restart_server()
        for group in self.groups:
            self.start_worker(group)

    def happen_split(self):
        shard = self.random.choice([s for s in self.open_shards() if width(s) > 1])
        low, high = streams.hash_range(shard)
        at = low + 1 + int((high - low - 1) * self.random.uniform(0.25, 0.75))
        self.reshard("split_shard", ShardToSplit=shard["ShardId"], NewStartingHashKey=str(at))

    def happen_merge(self):
        row = sorted(self.open_shards(), key=streams.hash_range)
        left, right = self.random.choice(list(zip(row, row[1:])))
        self.reshard("merge_shards", ShardToMerge=left["ShardId"], AdjacentShardToMerge=right["ShardId"])

    def open_shards(self):
        return streams.open_shards(self.kinesis(), STREAM)

    def reshard(self, operation, **members):
        """Every second one is cut short: done or not done, both are well."""
        call, number = getattr(self.kinesis(), operation), self.happened["split"] + self.happened["merge"]
        if number % 2 == 0:
            call(StreamName=STREAM, **members)
            streams.wait_active(self.kinesis(), STREAM)
            return

        def unheard():
            try:
                call(StreamName=STREAM, **members)
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                pass

        self.all_lost("server")
        thread = threading.Thread(target=unheard)
        thread.start()
        time.sleep(self.random.random() * 0.02)  # not a wait: the kill comes at any moment of it
        self.server.kill()
        self.cut += 1
        self.restart_server()
        thread.join()
        streams.wait_active(self.kinesis(), STREAM)

    def wait_back(self):
        """Until the shards of the last losses have begun again, or ended; whoever died with the server's next start began after all."""

        def back(loss):
            begun = {}
            for e in loss.workers.events():
                if e.what == "begin" or (e.what == "end" and e.more == "ended"):
                    begun[e.shard] = max(e.epoch, begun.get(e.shard, 0))
            return all(begun.get(shard, 0) >= epoch for shard, epoch in loss.epochs.items())

        for loss in self.losses[-2 * len(self.groups) :]:
            streams.until(lambda: back(loss), LATE_SECONDS, f"{loss.what}: {loss.epochs} back")

    # -- the run --------------------------------------------------------------------------------------

    def plan(self):
        row = [what for what in HAPPENINGS for _ in range(getattr(self.options, what))]
        self.random.shuffle(row)
        return row

    def run(self):
        for group in self.groups:
            for _ in range(self.options.workers):
                self.start_worker(group)
        streams.until(lambda: all(len(g.held()) == self.options.shards for g in self.groups), 60, "all shards at work")
        began = time.monotonic()
        for putter in self.putters:
            putter.start()
        plan = self.plan()
        for i, what in enumerate(plan):
            pause = began + (i + self.random.random()) * self.options.seconds / len(plan) - time.monotonic()
            time.sleep(max(0, pause))  # not a wait: it is to happen then
            print(f"{time.monotonic() - began:6.1f} s  {what}", flush=True)
            getattr(self, f"happen_{what}")()
            self.happened[what] += 1
            self.wait_back()
        streams.until(lambda: sum(p.fed for p in self.putters) >= self.options.records, self.options.seconds, "all records fed")
        for putter in self.putters:
            putter.finish(60)
        self.put_seconds = time.monotonic() - began
        self.truth = truth_of(self.putters, self.kinesis(), STREAM)
        for group in self.groups:
            streams.until(lambda: self.is_through(group), 60, "all records in the logs")
        self.seconds = time.monotonic() - began
        self.shards = streams.shards(self.kinesis(), STREAM)
        for group in self.groups:
            group.stop()

    def is_through(self, group):
        """It has come to each shard's last record."""
        states = group.states()
        return all(
            shard in states and states[shard][1:3] == lines[-1].split(" ")[:2]
            for shard, lines in self.truth.items()
            if lines
        )

    # -- what must hold -------------------------------------------------------------------------------

    def check(self):
        again = {}
        for group in self.groups:
            again[group.group] = check_handled(self.truth, group, exactly=group.group == "exactly")
            check_fencing(group)
            check_parents(self.shards, group)
            for bad in ("has not returned", "begins anew"):
                assert bad not in group.notices(), f"{group.group}: {bad}"
        odd = {g.group: collections.Counter(e.what for e in g.events() if e.what != "unsaved" or e.more == "SLUICE_FENCED") for g in self.groups}
        left_out = sum(int(e.more) for e in self.groups[0].events() if e.what == "skipped")
        backs = [back for i, loss in enumerate(self.losses) for back in back_seconds(loss, self.losses[i + 1 :])]
        self.report(again["least"], left_out, odd, backs)
        assert backs and max(seconds for _, seconds, _ in backs) < BACK_SECONDS, max(backs, key=lambda b: b[1])
        if self.options.kill:
            assert left_out > 0 and again["least"] > 0, "nothing came again: the kills came at no interesting moment"
        if self.options.pause:
            assert all(o["fenced"] for o in odd.values()), "nobody was refused: nobody was paused with records in hand"

    def report(self, again, left_out, odd, backs):
        o, n, total = self.options, self.happened, sum(map(len, self.truth.values()))
        opened = sum("EndingSequenceNumber" not in s["SequenceNumberRange"] for s in self.shards)
        print(f"seed {o.seed}: {total:,} records by {o.putters} putters in {self.put_seconds:.0f} s, handled by twice {o.workers} workers in {self.seconds:.0f} s")
        print(
            f"  workers killed {sum(n[k] for k in ('kill', 'together')) * 2}, paused {n['pause'] * 2}, left {n['leave'] * 2}; "
            f"server killed {n['server'] + n['together'] + self.cut}, {self.cut} of them in a split or merge"
        )
        print(f"  splits {n['split']}, merges {n['merge']}: {o.shards} shards became {len(self.shards)}, {opened} of them open")
        print(f"  exactly once: {total:,} handled, none twice; {left_out:,} came again and were left out")
        print(f"  at least once: {total:,} handled, {again:,} of them again")
        print(f"  one worker a shard: {sum(x['begin'] for x in odd.values()):,} leases; late owners refused: "
              f"{sum(x['fenced'] for x in odd.values())} results, {sum(x['unsaved'] for x in odd.values())} checkpoints")
        for what in HAPPENINGS:
            took = sorted(seconds for kind, seconds, _ in backs if kind == what)
            if took:
                print(f"  back at work after {what}: {len(took)} leases, median {statistics.median(took):.1f} s, longest {took[-1]:.1f} s")
        print(f"  longest until a lease was back: {max((b[1] for b in backs), default=0):.1f} s", flush=True)

    def close(self):
        for group in self.groups:
            group.end()
        for putter in self.putters:
            putter.kill()
        self.server.kill()


def width(shard):
    low, high = streams.hash_range(shard)
    return high - low


def back_seconds(loss, later):
    """Of each shard of it: what, how long until it was back, which. One that was lost again before it was back is measured from there."""
    for shard, epoch in loss.epochs.items():
        lost = min((o.ms for o in later if o.workers is loss.workers and shard in o.epochs), default=2**63)
        since = max(loss.ms, loss.up_ms)
        at = [ms for of, ms in loss.workers.moments(shard) if of >= epoch and since < ms <= lost]
        begins = [e.ms for e in loss.workers.events() if (e.what, e.shard) == ("begin", shard)]
        at = at or [ms for ms in begins if since < ms <= lost]
        if at:
            yield loss.what, (min(at) - loss.ms) / 1000, shard


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--records", type=int, default=1000000)
    p.add_argument("--seconds", type=int, default=240, help="over which they are put")
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    p.add_argument("--shards", type=int, default=16)
    p.add_argument("--putters", type=int, default=4)
    p.add_argument("--workers", type=int, default=3, help="of each group")
    p.add_argument("--keep", action="store_true", help="the folder with all that was written")
    for what, often in HAPPENINGS.items():
        p.add_argument(f"--{what}", type=int, default=often, help="how often")
    options = p.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-chaos-"))
    print(f"seed {options.seed}", flush=True)
    chaos = Chaos(options, folder)
    try:
        chaos.run()
        chaos.check()
    except AssertionError as problem:
        print(f"seed {options.seed}, {folder if options.keep else '--keep keeps what was written'}: FAILED: {problem}", flush=True)
        return 1
    finally:
        chaos.close()
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
