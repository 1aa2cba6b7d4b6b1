"""The SDK's worker in processes of their own (tests/programs/tally.c), killed in the middle, while records are put and shards split and
merged, and the server is killed too: what each shard's log holds at the end is what the shard holds, once and in order. `./dev chaos` has it in full.
"""

import collections
import signal
import threading
import time

import botocore.exceptions
import pytest

import streams
from server import Server
from tallies import BACK_SECONDS, Workers, check_exactly_once, check_fencing, now_ms, wait_back


class Writer(threading.Thread):
    """Puts batches until told to stop; what fails is put again, so that records may be there twice: the stream itself is the truth."""

    def __init__(self, server, stream, pause=0.05):
        super().__init__(daemon=True)
        self.kinesis = streams.client(server.endpoint, timeout=5)
        self.stream, self.pause = stream, pause
        self.over, self.number = threading.Event(), 0

    def run(self):
        while not self.over.is_set():
            records = [
                {"PartitionKey": f"key-{n % 97}", "Data": f"{n % 97}:{n}".encode()}
                for n in range(self.number, self.number + 200)
            ]
            try:
                answer = self.kinesis.put_records(StreamName=self.stream, Records=records)
                if not answer["FailedRecordCount"]:
                    self.number += 200
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                time.sleep(0.1)  # the server is down, and comes back
            self.over.wait(self.pause)

    def end(self):
        self.over.set()
        self.join(30)


def store_words(kind, folder):
    return [f"file={folder}/leases.json"] if kind == "file" else []


@pytest.fixture
def tally(tmp_path, request):
    """A server, a stream and workers, as the test's parameters say."""
    words = getattr(request, "param", {})
    server = Server().start()
    kinesis = streams.client(server.endpoint)
    kinesis.create_stream(StreamName="tallied", ShardCount=words.get("shards", 6))
    streams.wait_active(kinesis, "tallied")
    workers = Workers(server, "tallied", tmp_path, *words.get("words", ()))
    yield server, kinesis, workers
    workers.end()
    server.stop()


@pytest.mark.parametrize("store", ["service", "file"])
@pytest.mark.parametrize("fetch", ["poll", "push"])
def test_workers_and_the_server_are_killed_and_each_record_is_committed_once(tally, store, fetch, tmp_path):
    server, kinesis, workers = tally
    workers.words = [f"fetch={fetch}", "threads=2", "slow=3000", *store_words(store, tmp_path)]
    processes = [workers.start() for _ in range(3)]
    writer = Writer(server, "tallied")
    writer.start()
    streams.until(lambda: len(set(pid for pid, _ in workers.held().values())) == 3, 30, "three at work")

    # a worker dies: its shards are others'
    lost = workers.held_by(processes[0])
    assert lost
    took = wait_back(workers, lost, workers.kill(processes[0]))
    assert took < BACK_SECONDS, took
    workers.start()

    streams.split(kinesis, "tallied", "shardId-000000000000")
    # the server dies: nobody loses what he has for long
    before = workers.count()
    server.restart(kill=True)
    streams.until(lambda: workers.count() > before + 1000, BACK_SECONDS, "records after the server came back")
    kinesis = streams.client(server.endpoint)
    kinesis.merge_shards(
        StreamName="tallied", ShardToMerge="shardId-000000000002", AdjacentShardToMerge="shardId-000000000003"
    )
    streams.until(lambda: "shardId-000000000008" in workers.held(), 30, "the merged shard at work")

    lost = workers.held_by(processes[1])
    took = wait_back(workers, lost, workers.kill(processes[1])) if lost else 0
    assert took < BACK_SECONDS, took
    writer.end()
    check_exactly_once(kinesis, workers)
    check_fencing(workers)
    assert "has not returned" not in workers.notices() and "begins anew" not in workers.notices()
    assert "polled" not in workers.notices()
    workers.stop()


@pytest.mark.parametrize("store", ["service", "file"])
def test_a_worker_that_joins_or_leaves_gets_and_gives_shards_without_a_record_twice(tally, store, tmp_path):
    server, kinesis, workers = tally
    workers.words = ["fetch=poll", "slow=2000", *store_words(store, tmp_path)]
    writer = Writer(server, "tallied")
    writer.start()
    first = workers.start()
    streams.until(lambda: len(workers.held()) == 6, 30, "all six at work")
    second = workers.start()

    def even():
        owners = collections.Counter(pid for pid, _ in workers.held().values())
        return owners == {first.pid: 3, second.pid: 3}

    streams.until(even, 30, "three shards each")
    at_hand_over = workers.count()
    streams.until(lambda: workers.count() > at_hand_over + 2000, 30, "records after the hand-over")
    workers.leave(first)
    streams.until(lambda: set(p for p, _ in workers.held().values()) == {second.pid} and len(workers.held()) == 6)
    writer.end()
    check_exactly_once(kinesis, workers)
    check_fencing(workers)
    odd = [e for e in workers.events() if e.what in ("skipped", "fenced", "unsaved", "late")]
    assert not odd, odd
    workers.stop()


def test_a_worker_that_wakes_up_late_is_refused_what_it_had_in_hand(tally):
    server, kinesis, workers = tally
    workers.words = ["fetch=push", "session=1500"]
    writer = Writer(server, "tallied")
    writer.start()
    late, _ = workers.start(), workers.start()
    streams.until(lambda: len({pid for pid, _ in workers.held().values()}) == 2, 30, "both at work")
    workers.pause(late)
    wait_back(workers, workers.held_by(late), now_ms())
    late.send_signal(signal.SIGCONT)
    streams.until(lambda: any((e.what, e.pid) == ("fenced", late.pid) for e in workers.events()), 30, "it refused")
    writer.end()
    check_exactly_once(kinesis, workers)
    check_fencing(workers)
    workers.stop()
