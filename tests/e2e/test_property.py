"""test_property.py: random puts, reads, splits, merges and restarts against a model in Python.

The model knows, of every shard, its key range, its parents and exactly the records that must be in it, in order. The seed is printed; the
same steps come again with E2E_SEED=n (E2E_STEPS sets how many)."""

import os
import random

from streams import (
    HASH_END,
    client,
    hash_range,
    iterator,
    key_hash,
    read_shard,
    shards,
    wait_active,
)

STEPS = int(os.environ.get("E2E_STEPS", "400"))


class Shard:
    def __init__(self, low, high, parents=()):
        self.low, self.high, self.parents = low, high, parents
        self.records = []  # (sequence number, key, data)
        self.open = True


class Model:
    """One stream, as it must be."""

    def __init__(self, name, count):
        width = 2**128 // count
        self.name = name
        self.shards = [
            Shard(i * width, (i + 1) * width - 1 if i < count - 1 else HASH_END)
            for i in range(count)
        ]

    def route(self, number):
        return next(i for i, s in enumerate(self.shards) if s.open and s.low <= number <= s.high)

    def open_indexes(self):
        return sorted(
            (i for i, s in enumerate(self.shards) if s.open), key=lambda i: self.shards[i].low
        )


def shard_id(index):
    return f"shardId-{index:012d}"


class Run:
    def __init__(self, seed, new_server):
        self.random = random.Random(seed)
        self.server = new_server("--segment-size", "1MiB", "--tail-memory", "1MiB")
        self.kinesis = client(self.server.endpoint)
        self.models = []
        self.readers = []  # (model, shard index, iterator, records read)
        self.made = 0
        for count in (1, 4):
            name = f"p{count}"
            self.kinesis.create_stream(StreamName=name, ShardCount=count)
            wait_active(self.kinesis, name)
            self.models.append(Model(name, count))

    def record(self):
        """A record as PutRecords takes it, and the hash it must go by."""
        r = self.random
        self.made += 1
        size = r.choice([0, 1, 10, 100, 1000, 10000, 100000, r.randrange(2000)])
        entry = {
            "PartitionKey": r.choice(["a", "ключ", "k%d" % r.randrange(50), "x" * 256]),
            "Data": b"%d:" % self.made + r.randbytes(size),
        }
        number = key_hash(entry["PartitionKey"])
        if r.random() < 0.3:
            number = r.choice([0, HASH_END, r.randrange(HASH_END)])
            entry["ExplicitHashKey"] = str(number)
        return entry, number

    def note(self, model, entry, number, answer):
        index = model.route(number)
        assert answer["ShardId"] == shard_id(index)
        records = model.shards[index].records
        assert not records or int(answer["SequenceNumber"]) > int(records[-1][0])
        records.append((answer["SequenceNumber"], entry["PartitionKey"], entry["Data"]))

    def put_one(self, model):
        entry, number = self.record()
        self.note(model, entry, number, self.kinesis.put_record(StreamName=model.name, **entry))

    def put_many(self, model):
        made = [self.record() for _ in range(self.random.choice([1, 2, 20, 60]))]
        answer = self.kinesis.put_records(StreamName=model.name, Records=[e for e, _ in made])
        assert answer["FailedRecordCount"] == 0
        for (entry, number), one in zip(made, answer["Records"]):
            self.note(model, entry, number, one)

    def split(self, model):
        open_ = model.open_indexes()
        index = self.random.choice(open_)
        parent = model.shards[index]
        if len(open_) > 12 or parent.high - parent.low < 4:
            return
        at = self.random.randrange(parent.low + 2, parent.high)
        self.kinesis.split_shard(
            StreamName=model.name, ShardToSplit=shard_id(index), NewStartingHashKey=str(at)
        )
        parent.open = False
        model.shards += [Shard(parent.low, at - 1, (index,)), Shard(at, parent.high, (index,))]
        wait_active(self.kinesis, model.name)

    def merge(self, model):
        open_ = model.open_indexes()
        if len(open_) < 2:
            return
        k = self.random.randrange(len(open_) - 1)
        low, high = open_[k], open_[k + 1]
        self.kinesis.merge_shards(
            StreamName=model.name, ShardToMerge=shard_id(low), AdjacentShardToMerge=shard_id(high)
        )
        for i in (low, high):
            model.shards[i].open = False
        model.shards.append(Shard(model.shards[low].low, model.shards[high].high, (low, high)))
        wait_active(self.kinesis, model.name)

    def begin_reader(self, model):
        index = self.random.randrange(len(model.shards))
        records = model.shards[index].records
        kinds = ["TRIM_HORIZON"] + (
            ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"] if records else []
        )
        if model.shards[index].open:
            kinds.append("LATEST")
        kind, members, place = self.random.choice(kinds), {}, 0
        if kind == "LATEST":
            place = len(records)
        elif kind != "TRIM_HORIZON":
            place = self.random.randrange(len(records))
            members["StartingSequenceNumber"] = records[place][0]
            place += kind == "AFTER_SEQUENCE_NUMBER"
        self.readers.append(
            [
                model,
                index,
                iterator(self.kinesis, model.name, shard_id(index), kind, **members),
                place,
            ]
        )
        if len(self.readers) > 20:
            self.readers.pop(0)

    def read_on(self, _):
        """A reader gets exactly what follows, a part or all of it."""
        if not self.readers:
            return
        reader = self.random.choice(self.readers)
        model, index, at, place = reader
        if at is None:
            return
        limit = self.random.choice([1, 2, 7, 10000])
        page = self.kinesis.get_records(ShardIterator=at, Limit=limit)
        got = [(r["SequenceNumber"], r["PartitionKey"], r["Data"]) for r in page["Records"]]
        wanted = model.shards[index].records[place:]
        assert got == wanted[: len(got)]
        assert got or not wanted
        assert (page["MillisBehindLatest"] == 0) == (len(got) == len(wanted))
        reader[2], reader[3] = page.get("NextShardIterator"), place + len(got)
        if reader[2] is None:
            assert not model.shards[index].open and len(got) == len(wanted)
            children = [shard_id(i) for i, s in enumerate(model.shards) if index in s.parents]
            assert sorted(c["ShardId"] for c in page["ChildShards"]) == children

    def restart(self, _):
        self.server.restart(kill=self.random.random() < 0.5)
        self.kinesis = client(self.server.endpoint)

    def check(self, model):
        """Everything, against the model."""
        listed = shards(self.kinesis, model.name)
        assert [s["ShardId"] for s in listed] == [shard_id(i) for i in range(len(model.shards))]
        for index, (real, wanted) in enumerate(zip(listed, model.shards)):
            assert hash_range(real) == (wanted.low, wanted.high)
            assert ("EndingSequenceNumber" not in real["SequenceNumberRange"]) == wanted.open
            parents = [real[k] for k in ("ParentShardId", "AdjacentParentShardId") if k in real]
            assert parents == [shard_id(i) for i in wanted.parents]
            limit = self.random.choice([None, 3, 100]) if len(wanted.records) < 300 else None
            got = [
                (r["SequenceNumber"], r["PartitionKey"], r["Data"])
                for r in read_shard(self.kinesis, model.name, shard_id(index), limit=limit)
            ]
            assert got == wanted.records

    def go(self, steps):
        actions = [
            (40, self.put_one),
            (20, self.put_many),
            (6, self.split),
            (5, self.merge),
            (15, self.begin_reader),
            (40, self.read_on),
            (1, self.check),
            (3, self.restart),
        ]
        for _ in range(steps):
            action = self.random.choices([a for _, a in actions], [w for w, _ in actions])[0]
            action(self.random.choice(self.models))
        for model in self.models:
            self.check(model)
        self.restart(None)
        for model in self.models:
            self.check(model)


def test_every_record_is_there_exactly_once_and_in_order(new_server):
    seed = int(os.environ.get("E2E_SEED", random.SystemRandom().randrange(2**32)))
    print(f"seed {seed}: again with E2E_SEED={seed}")
    run = Run(seed, new_server)
    try:
        run.go(STEPS)
    except Exception as e:
        raise AssertionError(f"failed with E2E_SEED={seed}") from e
    assert run.made > STEPS
