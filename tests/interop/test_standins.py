"""test_standins.py: the SDK's own programs, unchanged, against the other implementations of Kinesis that can be installed: what works there
does what it does on Sluice, and each difference that docs/SDK.md names is shown.

Records are put by examples/sdk/produce.c, and handled by examples/sdk/worker.c and tests/programs/tally.c, whose logs say what was committed,
once and in which order. Leases are in a file, since neither service has consumer groups.

They are in the whole form: moto brings thirty packages, and takes a minute to install.
"""

import collections
import json
import signal
import subprocess
import threading
import time
import urllib.request

import botocore.eventstream
import pytest
import standins
import streams
from server import SANITIZER, Server, binary
from tallies import BACK_SECONDS, Workers, check_fencing, check_parents, program, wait_back

KEYS = 20
PACE_SECONDS = 0.05  # between the lines of all keys: some 400 records a second
SESSION = "session=3000"


@pytest.fixture(scope="session")
def kinesis_local(tmp_path_factory):
    with standins.kinesis_local(tmp_path_factory.mktemp("kinesis-local") / "log") as one:
        yield standins.StandIn("kinesis-local", one.address)


@pytest.fixture(scope="session")
def moto(tmp_path_factory):
    with standins.moto(tmp_path_factory.mktemp("moto-kinesis") / "log") as one:
        yield standins.StandIn("moto", one.address)


@pytest.fixture(scope="session")
def sluice(tmp_path_factory):
    """Ours, as the measure: the same leases in a file, the same polling."""
    server = Server(data=tmp_path_factory.mktemp("sluice") / "data").start()
    yield standins.StandIn("sluice", server.endpoint)
    server.stop()


@pytest.fixture(params=["kinesis_local", "moto", "sluice"])
def stand_in(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["kinesis_local", "moto"])
def other(request):
    """Those that differ."""
    return request.getfixturevalue(request.param)


# ---- programs


def run(words, stand_in, stdin="", code=0):
    """What it wrote on standard output and on standard error; it ended with that code."""
    done = subprocess.run(words, env=stand_in.environment(), input=stdin, capture_output=True, text=True, timeout=90)
    assert done.returncode == code and not SANITIZER.search(done.stderr), (words, done.returncode, done.stderr)
    return done.stdout, done.stderr


class Feed(threading.Thread):
    """Lines into one `produce`, until end(): then all of them are stored, and `lines` has them by key, in their order."""

    def __init__(self, stand_in, stream):
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.lines = collections.defaultdict(list)
        self.process = subprocess.Popen(
            [program("produce"), stream],
            env=stand_in.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.start()

    def run(self):
        number = 0
        while not self.over.wait(PACE_SECONDS):
            for key in range(KEYS):
                self.lines[key].append(f"{key}:{number}")
                self.process.stdin.write(f"key-{key}\t{key}:{number}\n")
            self.process.stdin.flush()
            number += 1

    def end(self):
        self.over.set()
        self.join(30)
        told, complaints = self.process.communicate(timeout=90)
        count = sum(map(len, self.lines.values()))
        assert told == f"{count} stored, 0 failed\n", (told, complaints)
        assert self.process.returncode == 0 and not complaints, complaints
        return self.lines


def put_lines(stand_in, stream, first, count):
    """So many lines by one `produce`; what they hold."""
    data = [f"{n % KEYS}:more-{n}" for n in range(first, first + count)]
    told, _ = run([program("produce"), stream], stand_in, "".join(f"key-{d.split(':')[0]}\t{d}\n" for d in data))
    assert told == f"{count} stored, 0 failed\n"
    return data


# ---- what the workers did


@pytest.fixture
def workers(tmp_path):
    """Makes workers of one group, whose leases are in a file."""
    made = []

    def make(stand_in, stream, *words):
        made.append(Workers(stand_in, stream, tmp_path, f"file={tmp_path}/leases.json", SESSION, *words))
        return made[-1]

    yield make
    for group in made:
        for process in list(group.running):
            group.kill(process)


def committed(workers, shard):
    """The data of the records in a shard's log, as far as its state goes."""
    return [line.split(" ")[2] for batch in workers.batches(shard) for line in batch.lines]


def begun(workers):
    return workers.began_since(0).keys()


def begun_by(workers, process):
    return {e.shard for e in workers.events() if e.what == "begin" and e.pid == process.pid}


def owners(workers):
    """Process -> how many shards it has."""
    return collections.Counter(pid for pid, _ in workers.held().values())


def by_key(lines):
    keys = collections.defaultdict(list)
    for line in lines:
        keys[int(line.split(":")[0])].append(line)
    return keys


def check_handled(workers, *fed):
    """All that was put is in the logs, once, and each key in its order. A key's later shards have larger numbers."""
    expected = collections.defaultdict(list)
    for lines in fed:
        for key, data in lines.items():
            expected[key] += data
    total = sum(map(len, expected.values()))
    streams.until(lambda: workers.count() >= total, 60, f"all {total} records in the logs")
    got = collections.defaultdict(list)
    for shard in sorted(p.stem for p in workers.folder.glob("*.state")):
        for data in committed(workers, shard):
            got[int(data.split(":")[0])].append(data)
    for key in expected:
        assert got[key] == expected[key], f"key {key}"
    assert sum(map(len, got.values())) == total


def reshard(stand_in, workers):
    """Splits one shard and merges two others, while records come, until the children are at work."""
    streams.split(stand_in.kinesis, workers.stream, "shardId-000000000000")
    streams.wait_active(stand_in.kinesis, workers.stream)
    stand_in.kinesis.merge_shards(
        StreamName=workers.stream,
        ShardToMerge="shardId-000000000002",
        AdjacentShardToMerge="shardId-000000000003",
    )
    children = {f"shardId-00000000000{n}" for n in (4, 5, 6)}
    streams.until(lambda: children <= begun(workers), 60, "the children at work")
    assert check_parents(streams.shards(stand_in.kinesis, workers.stream), workers) == 4  # two of a split, and both parents of a merge


@pytest.mark.whole
def test_two_workers_share_a_stream_and_one_dies(stand_in, workers):
    """Polling, leases in a file: shares, hand-over by death, order per key, all handled once; checkpoints outlive every worker."""
    stream = stand_in.stream(4)
    group = workers(stand_in, stream, "fetch=poll", "slow=2000")
    feed = Feed(stand_in, stream)
    first, second = group.start(), group.start()
    streams.until(lambda: owners(group) == {first.pid: 2, second.pid: 2}, 30, "two shards each")
    if stand_in.name != "moto":
        reshard(stand_in, group)
    mine = [shard for shard, (pid, _) in group.held().items() if pid == first.pid]
    assert mine
    took = wait_back(group, mine, group.kill(first))
    assert took < BACK_SECONDS, took
    assert set(owners(group)) == {second.pid}
    fed = feed.end()
    check_handled(group, fed)
    group.stop()

    more = put_lines(stand_in, stream, 0, 200)
    third = group.start()
    check_handled(group, fed, by_key(more))
    assert begun_by(group, third) == set(group.held())
    group.stop()
    check_fencing(group)
    again = [e for e in group.events() if e.pid == third.pid and e.what in ("skipped", "unsaved", "fenced")]
    assert not again, again
    assert "begins anew" not in group.notices() and "tried again" not in group.notices(), group.notices()


@pytest.mark.whole
def test_the_examples_work_as_they_are(stand_in, tmp_path):
    """worker.c by its own choice: push, and polling of moto, which it says. What was printed is not printed again."""
    stream = stand_in.stream(2)
    env = stand_in.environment() | {"SLUICE_LEASES": str(tmp_path / "leases.json")}
    printed, said = tmp_path / "printed", tmp_path / "said"
    for life in range(2):
        data = put_lines(stand_in, stream, life * 200, 200)
        with open(printed, "w") as out, open(said, "w") as complaints:
            worker = subprocess.Popen([program("worker"), stream, "readers"], env=env, stdout=out, stderr=complaints)
        try:
            streams.until(lambda: len(printed.read_text().splitlines()) >= 200, 30, "200 lines of the worker")
        finally:
            worker.send_signal(signal.SIGINT)
        assert worker.wait(30) == 0, said.read_text()
        assert sorted(line.split("\t")[2] for line in printed.read_text().splitlines()) == sorted(data)
        assert ("records are polled" in said.read_text()) == (stand_in.name == "moto"), said.read_text()


@pytest.mark.whole
def test_the_command_line_puts_and_gets(stand_in):
    """Also with numbers for idempotent puts, in a header that others do not know."""
    stream, lines = stand_in.stream(2), [f"line {n}" for n in range(50)]
    text = "".join(f"{line}\n" for line in lines)
    run([binary(), "put", stream, "--idempotent", "--key-fixed", "k"], stand_in, text)
    told, _ = run([binary(), "get", stream], stand_in)
    assert told.splitlines() == lines
    told, _ = run([binary(), "tail", stream, "--from", "trim_horizon", "--max", "50"], stand_in)
    assert told.splitlines() == lines


# ---- differences


@pytest.mark.whole
def test_cbor_is_not_for_reading(other, workers):
    """kinesis-local answers with base64 where CBOR has bytes; moto does not know CBOR. The worker says so, and goes on trying."""
    stream = other.stream(1)
    put_lines(other, stream, 0, 10)
    group = workers(other, stream, "fetch=poll", "codec=cbor")
    worker = group.start()
    words = {
        "kinesis-local": "reading is tried again:  the answer is not a GetRecordsOutput: class java.lang.String",
        "moto": "finding the stream is tried again:  HTTP status 500",
    }[other.name]
    streams.until(lambda: words in group.notices(), 30, words)
    assert group.count() == 0
    group.kill(worker)


@pytest.mark.whole
def test_there_are_no_groups_of_the_service(other):
    """Without a file of leases a worker cannot join. kinesis-local refuses, which ends it; moto answers 500, as one does who is in trouble."""
    stream = other.stream(1)
    words = [program("worker"), stream, "readers"]
    if other.name == "kinesis-local":
        _, said = run(words, other, code=1)
        assert "AccessDeniedException" in said
        return
    worker = subprocess.Popen(words, env=other.environment(), stderr=subprocess.PIPE, text=True)
    assert worker.stderr.readline() == "worker: joining the group is tried again:  HTTP status 500, and no reason was given\n"
    worker.send_signal(signal.SIGINT)
    worker.communicate(timeout=30)
    assert worker.returncode == 0


def pushed_of(stand_in, stream, shard, count):
    """So many events of a subscription, from the shard's beginning. (boto3 gives up: the first event is not the one that it asks for.)"""
    arn = stand_in.kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    known = stand_in.kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="looker")["Consumer"]["ConsumerARN"]
    streams.until(
        lambda: stand_in.kinesis.describe_stream_consumer(ConsumerARN=known)["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE"
    )
    body = json.dumps(
        {"ConsumerARN": known, "ShardId": shard, "StartingPosition": {"Type": "TRIM_HORIZON"}}
    )
    request = urllib.request.Request(
        stand_in.endpoint,
        body.encode(),
        {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "Kinesis_20131202.SubscribeToShard",
            "X-Amz-Date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
            "Authorization": "AWS4-HMAC-SHA256 Credential=dev/20261101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=00",
        },
    )
    pushed, frames = [], botocore.eventstream.EventStreamBuffer()
    with urllib.request.urlopen(request, timeout=30) as answer:
        while len(pushed) < count:
            frames.add_data(answer.read1(65536))
            pushed += [json.loads(frame.payload) for frame in frames]
    return pushed


@pytest.mark.whole
def test_kinesis_local_never_tells_a_subscriber_that_a_shard_has_ended(kinesis_local, workers):
    """So a worker that is pushed handles all of a shard that was split, and does not begin its children; one that polls does."""
    stream = kinesis_local.stream(1)
    before = put_lines(kinesis_local, stream, 0, 100)
    group = workers(kinesis_local, stream, "fetch=push")
    group.start()
    streams.until(lambda: group.count() == 100, 30, "records by push")
    streams.split(kinesis_local.kinesis, stream, "shardId-000000000000")
    streams.wait_active(kinesis_local.kinesis, stream)
    after = put_lines(kinesis_local, stream, 100, 100)
    pushed = pushed_of(kinesis_local, stream, "shardId-000000000000", 4)
    assert any(e["Records"] for e in pushed) and not pushed[-1]["Records"]
    assert not any(e.get("ChildShards") for e in pushed)
    assert begun(group) == {"shardId-000000000000"} and group.count() == 100
    group.stop()

    polling = workers(kinesis_local, stream, "fetch=poll")
    polling.start()
    streams.until(lambda: polling.count() == 200, 30, "the children's records by polling")
    assert check_parents(streams.shards(kinesis_local.kinesis, polling.stream), polling) == 2
    lines = [line for shard in sorted(begun(polling)) for line in committed(polling, shard)]
    assert sorted(lines) == sorted(before + after)
    polling.stop()


@pytest.mark.whole
def test_a_shard_of_moto_that_was_split_never_ends(moto, workers):
    """It is listed with an end and with children, and takes their records all the same: the worker stays with it, and misses nothing."""
    stream = moto.stream(1)
    group = workers(moto, stream, "fetch=poll")
    group.start()
    put = [f"0:{n}" for n in range(60)]
    words = [binary(), "put", stream, "--ordered", "--key-fixed", "k"]
    run(words, moto, "".join(f"{line}\n" for line in put[:30]))
    streams.split(moto.kinesis, stream, "shardId-000000000000")
    parent, *children = moto.kinesis.list_shards(StreamName=stream)["Shards"]
    assert "EndingSequenceNumber" in parent["SequenceNumberRange"]
    assert [c["ParentShardId"] for c in children] == [parent["ShardId"]] * 2
    run(words, moto, "".join(f"{line}\n" for line in put[30:]))
    at = streams.iterator(moto.kinesis, stream, parent["ShardId"])
    page = moto.kinesis.get_records(ShardIterator=at)
    assert len(page["Records"]) == 60 and page["NextShardIterator"]
    for child in children:
        at = streams.iterator(moto.kinesis, stream, child["ShardId"])
        assert not moto.kinesis.get_records(ShardIterator=at)["Records"]
    check_handled(group, {0: put})
    assert begun(group) == {parent["ShardId"]}
    group.stop()


@pytest.mark.whole
def test_after_a_split_of_motos_aggregated_records_come_once(moto, workers):
    """The shard that took them is listed as closed, with its keys: the producer sees that they lie whole in it."""
    stream = moto.stream(1)
    streams.split(moto.kinesis, stream, "shardId-000000000000")
    data = [*put_lines(moto, stream, 0, 100), *put_lines(moto, stream, 100, 100)]
    group = workers(moto, stream, "fetch=poll")
    group.start()
    streams.until(lambda: group.count() >= 200, 30, "each record")  # what came again of the first hundred would lie before the second
    assert sorted(committed(group, "shardId-000000000000")) == sorted(data)
    group.stop()
