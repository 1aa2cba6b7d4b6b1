#!/usr/bin/env python3
"""crash.py: kills the server with SIGKILL under load, again and again, and accounts for every record.

    tests/crash/crash.py [--kills N] [--seed S] [--binary FILE] [--encrypted] [--idempotent] [--keep]

16 writers put to 8 shards, one and many at a time; a controller kills and restarts the server on the same folder at random moments; splits and
merges happen on the way, some with a kill in their middle. A writer whose put fails cannot know whether it was stored: it goes on with NEW
payloads and notes the old ones as `maybe`. In the end:

 C1. Every acknowledged record is readable exactly once, in the shard and at the sequence number that were acknowledged.
 C2. A `maybe` is there at most once. Nothing else is there.
 With --idempotent, puts have the header x-sluice-producer, and a writer whose put fails puts the same records with the same numbers again until it is told where they
 are. Then there is no `maybe` in the end: each record ever written is there exactly once.

 C3. Sequence numbers grow within each shard, and with each key from put to put, over splits and merges: parents before children.
 C4. Each record lies in a shard whose range holds its key's hash. The open shards cover the hash space exactly; a split or merge that was cut
     short is complete or absent; closed shards end and name their children.
 C5. SIGTERM then ends the server with 0, and a start after it shows the same.

A payload is a function of its id, so nothing but ids is kept. Standard library only. Exit code 0 when all hold, else 1.
"""

import argparse
import base64
import hashlib
import http.client
import json
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from server import Server, ServerProblem, binary  # noqa: E402
from wire import dev_headers  # noqa: E402

STREAM, SHARDS, WRITERS, KEYS = "crash", 8, 16, 8
RECORDS_MAX = 400000  # written in all: what one Python can account for
HASH_END = 2**128 - 1


class Refused(Exception):
    """An answer other than 200."""


class Client:
    """One connection, one thread."""

    def __init__(self, port, timeout=30):
        self.port, self.timeout, self.connection = port, timeout, None

    def call(self, operation, headers=None, **members):
        if not self.connection:
            self.connection = http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=self.timeout
            )
        try:
            self.connection.request(
                "POST",
                "/",
                json.dumps(members).encode(),
                dict(dev_headers(operation), **(headers or {})),
            )
            answer = self.connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if answer.status != 200:
            raise Refused(f"{operation}: {answer.status} {body[:300]!r}")
        return json.loads(body) if body else None

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


FAILURES = (OSError, http.client.HTTPException, Refused)


def payload(name):
    """What record `name` holds: its id, then 0 to 3000 bytes that follow from it."""
    digest = hashlib.sha256(name.encode()).digest()
    return name.encode() + b":" + digest * (int.from_bytes(digest[:2], "big") % 94)


class Writer(threading.Thread):
    def __init__(self, harness, number):
        super().__init__(name=f"writer-{number}")
        self.harness, self.number = harness, number
        self.random = random.Random(f"{harness.seed}/{number}")
        self.client = Client(harness.server.port)
        self.made = 0
        self.producer = f"{self.random.getrandbits(128):032x}"
        self.pending = []  # idempotent: to be put again
        self.again = 0
        self.acknowledged = []  # (name, key, shard id, sequence number), in the order of the puts
        self.maybe = {}  # name: key
        self.failures = {}

    def fresh(self):
        self.made += 1
        return f"{self.number}-{self.made}", f"w{self.number}k{self.random.randrange(KEYS)}"

    def next_records(self):
        """What is put next, and whether by PutRecords."""
        if self.pending:
            self.again += len(self.pending)
            return self.pending, len(self.pending) > 1 or self.random.random() < 0.5
        many = [self.fresh() for _ in range(self.random.choice([0, 0, 1, 3, 10, 30]))]
        return many or [self.fresh()], bool(many)

    def headers(self, records):
        if not self.harness.idempotent:
            return None
        numbers = [int(name.split("-")[1]) for name, _ in records]
        ranges = ",".join(f"{n}+1" for n in numbers)
        if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            ranges = str(numbers[0])
        return {"x-sluice-producer": f"{self.producer};{self.harness.seed};{ranges}"}

    def run(self):
        end = None
        while not self.harness.stopping.is_set() or self.pending:
            if self.harness.stopping.is_set():  # the server is there, and stays: nothing may fail for long
                end = end or time.monotonic() + 30
                if time.monotonic() > end:
                    return
            self.harness.may_write.wait()
            records, many = self.next_records()
            if self.harness.idempotent:
                self.pending = records
            try:
                if many:
                    self.put_many(records)
                else:
                    self.put_one(records[0])
            except FAILURES as e:
                kind = (
                    type(e).__name__ if not isinstance(e, Refused) else str(e).split(" ", 1)[1][:60]
                )
                self.failures[kind] = self.failures.get(kind, 0) + 1
                time.sleep(0.005 + self.random.random() * 0.02)  # nobody may be listening now

    def put_one(self, one):
        name, key = one
        self.maybe[name] = key
        got = self.client.call(
            "PutRecord",
            self.headers([one]),
            StreamName=STREAM,
            PartitionKey=key,
            Data=base64.b64encode(payload(name)).decode(),
        )
        self.acknowledge(name, key, got)

    def put_many(self, many):
        self.maybe.update(many)
        got = self.client.call(
            "PutRecords",
            self.headers(many),
            StreamName=STREAM,
            Records=[
                {"PartitionKey": key, "Data": base64.b64encode(payload(name)).decode()}
                for name, key in many
            ],
        )
        for (name, key), entry in zip(many, got["Records"], strict=True):
            if "ErrorCode" in entry:
                self.failures[entry["ErrorCode"]] = self.failures.get(entry["ErrorCode"], 0) + 1
            else:
                self.acknowledge(name, key, entry)

    def acknowledge(self, name, key, entry):
        del self.maybe[name]
        self.pending = [one for one in self.pending if one[0] != name]
        self.acknowledged.append((name, key, entry["ShardId"], int(entry["SequenceNumber"])))


class Problem(Exception):
    """A promise was broken."""


def must(truth, words):
    if not truth:
        raise Problem(words)


def hash_range(shard):
    return int(shard["HashKeyRange"]["StartingHashKey"]), int(
        shard["HashKeyRange"]["EndingHashKey"]
    )


def is_open(shard):
    return "EndingSequenceNumber" not in shard["SequenceNumberRange"]


class Harness:
    def __init__(self, options):
        self.seed, self.kills, self.encrypted = options.seed, options.kills, options.encrypted
        self.idempotent = options.idempotent
        self.random = random.Random(self.seed)
        self.folder = tempfile.mkdtemp(prefix="sluice-crash-")
        self.server = Server(
            data=self.folder + "/data", program=options.binary, flags=["--segment-size", "2MiB"]
        )
        self.stopping, self.may_write = threading.Event(), threading.Event()
        self.writers = []
        self.client = Client(self.server.port)
        self.restarts_ms = []
        self.done = {"split": 0, "merge": 0}
        self.asked = {"split": 0, "merge": 0}
        self.counts, self.failures = {}, {}

    # -- shards ---------------------------------------------------------------------------------------

    def shards(self):
        found, page = [], self.client.call("ListShards", StreamName=STREAM)
        while True:
            found += page["Shards"]
            if not page.get("NextToken"):
                return found
            page = self.client.call("ListShards", NextToken=page["NextToken"])

    def wait_active(self):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            got = self.client.call("DescribeStreamSummary", StreamName=STREAM)[
                "StreamDescriptionSummary"
            ]
            if got["StreamStatus"] == "ACTIVE":
                return
            time.sleep(0.005)  # between two looks at the state
        raise Problem(f"the stream stays {got['StreamStatus']}")

    def reshard(self, kind):
        """Asks for one split or merge; the answer may never come."""
        open_ = sorted(filter(is_open, self.shards()), key=hash_range)
        if kind == "split":
            shard = self.random.choice(open_)
            low, high = hash_range(shard)
            self.asked[kind] += 1
            self.client.call(
                "SplitShard",
                StreamName=STREAM,
                ShardToSplit=shard["ShardId"],
                NewStartingHashKey=str(self.random.randrange(low + 2, high)),
            )
        else:
            k = self.random.randrange(len(open_) - 1)
            self.asked[kind] += 1
            self.client.call(
                "MergeShards",
                StreamName=STREAM,
                ShardToMerge=open_[k]["ShardId"],
                AdjacentShardToMerge=open_[k + 1]["ShardId"],
            )

    def encryption(self, change):
        self.client.call(
            f"{change}StreamEncryption",
            StreamName=STREAM,
            EncryptionType="KMS",
            KeyId="alias/aws/kinesis",
        )
        self.wait_active()

    def check_family(self):
        """C4, of the shards."""
        shards = self.shards()
        must(
            [s["ShardId"] for s in shards] == [f"shardId-{n:012d}" for n in range(len(shards))],
            "shard ids are not consecutive",
        )
        by_id = {s["ShardId"]: s for s in shards}
        at = 0
        for shard in sorted(filter(is_open, shards), key=hash_range):
            must(hash_range(shard)[0] == at, f"{shard['ShardId']} does not begin at {at}")
            at = hash_range(shard)[1] + 1
        must(at == HASH_END + 1, "the open shards leave a gap at the end")
        children = {}
        self.done = {"split": 0, "merge": 0}
        for shard in shards:
            parents = [shard[k] for k in ("ParentShardId", "AdjacentParentShardId") if k in shard]
            start = int(shard["SequenceNumberRange"]["StartingSequenceNumber"])
            for parent in parents:
                children.setdefault(parent, []).append(shard["ShardId"])
                must(not is_open(by_id[parent]), f"{parent} has a child and is open")
                must(
                    start > int(by_id[parent]["SequenceNumberRange"]["EndingSequenceNumber"]),
                    f"{shard['ShardId']} begins before {parent} ends",
                )
            self.done["merge"] += len(parents) == 2
        for shard in shards:
            if not is_open(shard):
                heirs = [hash_range(by_id[c]) for c in children.get(shard["ShardId"], [])]
                low, high = hash_range(shard)
                must(
                    heirs and min(heirs)[0] <= low and max(heirs)[1] >= high,
                    f"{shard['ShardId']} has no heirs",
                )
                self.done["split"] += len(heirs) == 2
        return shards

    # -- the run --------------------------------------------------------------------------------------

    def written(self):
        return sum(w.made for w in self.writers)

    def nap(self, seconds):
        self.stopping.wait(seconds)

    def one_kill(self, number):
        """Load, perhaps a reshard in the last moment, SIGKILL, restart."""
        if self.written() > RECORDS_MAX:
            self.may_write.clear()
        self.nap(self.random.uniform(0.02, 1.0))
        interrupted = None
        if number % 2 == 0:
            kind = (
                "split"
                if number % 4 == 0 or len(list(filter(is_open, self.shards()))) < 4
                else "merge"
            )
            interrupted = threading.Thread(target=self.try_reshard, args=(kind,))
            interrupted.start()
            # A random moment is the point.
            time.sleep(self.random.choice([0, 0.001, 0.003, 0.01, 0.03]))
        self.server.kill()
        if interrupted:
            interrupted.join()
        self.client.close()
        begun = time.monotonic()
        self.server.start()
        self.restarts_ms.append((time.monotonic() - begun) * 1000)
        self.may_write.set()
        self.wait_active()
        self.check_family()
        if self.encrypted and number % 3 == 2:  # a new data key, and some records plain between
            self.encryption("Stop")
            self.nap(0.1)
            self.encryption("Start")

    def try_reshard(self, kind):
        try:
            self.reshard(kind)
        except FAILURES:
            pass

    def run(self):
        self.server.start()
        self.client.call("CreateStream", StreamName=STREAM, ShardCount=SHARDS)
        self.wait_active()
        if self.encrypted:
            self.encryption("Start")
        self.writers = [Writer(self, n) for n in range(WRITERS)]
        self.may_write.set()
        for writer in self.writers:
            writer.start()
        try:
            for number in range(self.kills):
                self.one_kill(number)
            for kind in ("split", "merge"):  # once in peace, under load
                self.reshard(kind)
                self.wait_active()
                self.nap(0.2)
        finally:
            self.stopping.set()
            self.may_write.set()
            for writer in self.writers:
                writer.join()
        shards = self.check_family()
        must(
            self.done["split"] > 0 and self.done["merge"] > 0, "no split or no merge was completed"
        )
        for writer in self.writers:
            must(writer.acknowledged, f"{writer.name} was never acknowledged: {writer.failures}")
        found = self.account(shards)
        self.client.close()
        self.server.restart()
        must(self.account(self.check_family()) == found, "C5: after SIGTERM another picture")
        self.server.stop()

    # -- the account ----------------------------------------------------------------------------------

    def read_shard(self, shard):
        at = self.client.call(
            "GetShardIterator",
            StreamName=STREAM,
            ShardId=shard["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        while at:
            page = self.client.call("GetRecords", ShardIterator=at)
            yield from page["Records"]
            at = (
                page.get("NextShardIterator")
                if page["Records"] or page["MillisBehindLatest"]
                else None
            )
        must(
            is_open(shard) or "NextShardIterator" not in page,
            f"{shard['ShardId']} is closed and has no end",
        )

    def account(self, shards):
        """C1 to C4, of the records; returns how many there are."""
        expected = {
            name: (key, shard, number)
            for w in self.writers
            for name, key, shard, number in w.acknowledged
        }
        maybe = {name: key for w in self.writers for name, key in w.maybe.items()}
        must(not (self.idempotent and maybe), f"{len(maybe)} records were never acknowledged")
        unseen, found, unacknowledged = set(expected), {}, 0
        for shard in shards:
            id_, (low, high), last = shard["ShardId"], hash_range(shard), 0
            end = shard["SequenceNumberRange"].get("EndingSequenceNumber")
            for record in self.read_shard(shard):
                number, data = int(record["SequenceNumber"]), base64.b64decode(record["Data"])
                name = data.split(b":", 1)[0].decode()
                must(number > last, f"C3: {id_}: {number} after {last}")
                must(not end or number <= int(end), f"C4: {id_}: {name} lies behind the end")
                last = number
                must(
                    name not in found, f"C1/C2: {name} is there twice: {found.get(name)} and {id_}"
                )
                found[name] = (id_, number)
                must(name in expected or name in maybe, f"C2: {name} was never written")
                must(data == payload(name), f"C1: {name} has other bytes")
                key = expected[name][0] if name in expected else maybe[name]
                must(record["PartitionKey"] == key, f"C1: {name} has another key")
                must(
                    low <= int.from_bytes(hashlib.md5(key.encode()).digest(), "big") <= high,
                    f"C4: {name} lies in a shard that does not own its key",
                )
                if name in expected:
                    must(
                        expected[name][1:] == (id_, number),
                        f"C1: {name} was acknowledged at {expected[name][1:]}, "
                        f"is at {(id_, number)}",
                    )
                    unseen.discard(name)
                else:
                    unacknowledged += 1
        must(
            not unseen,
            f"C1: {len(unseen)} acknowledged records are lost, e.g. "
            f"{sorted((expected[n][1], n) for n in list(unseen)[:1000])[:5]}",
        )
        for writer in self.writers:
            newest = {}
            for name, key, _, number in writer.acknowledged:
                must(
                    number > newest.get(key, 0),
                    f"C3: {name} lies before an earlier record of {key}",
                )
                newest[key] = number
        self.counts = {
            "acknowledged": len(expected),
            "unacknowledged": len(maybe),
            "of those stored": unacknowledged,
            "shards": len(shards),
        }
        if self.idempotent:
            self.counts["put again"] = sum(w.again for w in self.writers)
        return len(found)

    def report(self, problem):
        for writer in self.writers:
            for kind, count in writer.failures.items():
                self.failures[kind] = self.failures.get(kind, 0) + count
        counts = ", ".join(f"{v:,} {k}" for k, v in self.counts.items())
        print(
            f"crash: {counts}; {self.done['split']} of {self.asked['split']} splits and {self.done['merge']} of "
            f"{self.asked['merge']} merges were completed"
        )
        if self.restarts_ms:
            times = sorted(self.restarts_ms)
            print(
                f"crash: {len(times)} kills; ready again after {times[len(times) // 2]:.0f} ms (median), "
                f"{times[-1]:.0f} ms (most)"
            )
        print(
            "crash: failed puts: "
            + (", ".join(f"{v} {k}" for k, v in sorted(self.failures.items())) or "none")
        )
        print(
            f"crash: {'FAILED: ' + problem if problem else 'every record is accounted for'} (seed {self.seed})"
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument(
        "--binary", help="the program; else SLUICE_BINARY, else the newest one built"
    )
    parser.add_argument(
        "--encrypted", action="store_true", help="with encryption on, and turned over on the way"
    )
    parser.add_argument(
        "--idempotent", action="store_true", help="puts have numbers, and are repeated"
    )
    parser.add_argument("--keep", action="store_true", help="leave the data folder there")
    options = parser.parse_args()
    options.binary = str(pathlib.Path(options.binary).resolve()) if options.binary else binary()
    print(f"crash: seed {options.seed}, {options.kills} kills, {options.binary}", flush=True)
    harness, problem = Harness(options), None
    try:
        harness.run()
    except (Problem, ServerProblem, Refused, OSError, http.client.HTTPException) as e:
        problem = f"{type(e).__name__}: {e}"
        if harness.server.process and not harness.server.alive():
            problem += f"\nThe server ended by itself with {harness.server.process.returncode}."
    finally:
        harness.stopping.set()
        harness.may_write.set()
        try:
            harness.server.kill()
        except ServerProblem as e:
            problem = problem or str(e)
    harness.report(problem)
    if problem:
        print("--- the server's last words\n" + harness.server.stderr[-4000:])
    if options.keep or problem:
        print(f"crash: the data is in {harness.folder}")
    else:
        shutil.rmtree(harness.folder, ignore_errors=True)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
