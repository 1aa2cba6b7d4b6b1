"""test_encryption.py: StartStreamEncryption and StopStreamEncryption as boto3 sees them, and what then stands on the disk."""

import itertools
import os
import pathlib
import secrets
import signal
import uuid

import pytest

from server import ACCOUNT, REGION, sluice
from streams import client, open_shards, read_shard, refused, split, until, wait_active
from test_fanout import START, Reader, register

DEFAULT = "alias/aws/kinesis"
MARKER = b"never-in-the-clear-" + b"x" * 40
KEY_MARKER = "partition-key-in-the-clear"
SHARD = "shardId-000000000000"


class KeyFile:
    """A master key file of the operator's: lines of (key id, alias, state, key)."""

    def __init__(self, path):
        self.path, self.lines = pathlib.Path(path), []

    def add(self, alias="-", key_id=None):
        self.lines.append([key_id or str(uuid.uuid4()), alias, "enabled", secrets.token_hex(32)])
        self.write()
        return self.lines[-1][0]

    def write(self):
        self.path.touch(mode=0o600)
        self.path.write_text("# keys\n" + "".join(" ".join(line) + "\n" for line in self.lines))

    def state(self, key_id, state):
        for line in self.lines:
            line[2] = state if line[0] == key_id else line[2]
        self.write()


@pytest.fixture
def keys(data_root):
    path = os.path.join(data_root, f"keys-{uuid.uuid4()}")
    yield KeyFile(path)
    if os.path.exists(path):
        os.unlink(path)


@pytest.fixture
def own(new_server, keys):
    """A server with keys of the operator's own, and a stream."""
    keys.add(DEFAULT)
    server = new_server("--master-key-file", str(keys.path))
    kinesis = client(server.endpoint)
    create(kinesis, "s")
    return server, kinesis


def create(kinesis, name, shards=1):
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    wait_active(kinesis, name)


def start(kinesis, name="s", key=DEFAULT):
    kinesis.start_stream_encryption(StreamName=name, EncryptionType="KMS", KeyId=key)
    wait_active(kinesis, name)


def stop(kinesis, name="s", key=DEFAULT):
    kinesis.stop_stream_encryption(StreamName=name, EncryptionType="KMS", KeyId=key)
    wait_active(kinesis, name)


def put(kinesis, data, name="s"):
    return kinesis.put_record(StreamName=name, Data=data, PartitionKey=KEY_MARKER)


def hang_up(server, kinesis, done):
    """SIGHUP, until its effect is seen."""
    os.kill(server.pid, signal.SIGHUP)
    until(done, words="the effect of SIGHUP")


def code_of(operation, **members):
    """The error's code, or None."""
    try:
        operation(**members)
    except Exception as e:
        return e.response["Error"]["Code"]
    return None


def files_with(folder, words):
    """The files that hold one of the words. The server seals and renames files meanwhile: a walk during which one
    went away is made again, since its bytes may have gone on under a name that was already passed."""

    def walk():
        try:
            return (
                [
                    str(p)
                    for p in pathlib.Path(folder).rglob("*")
                    if p.is_file() and any(w in p.read_bytes() for w in words)
                ],
            )
        except FileNotFoundError:
            return None

    return until(walk, words="a walk in which no file went away")[0]


def test_answers_say_kms_only_of_what_is_encrypted(stream, kinesis):
    plain = put(kinesis, b"plain", stream)
    assert "EncryptionType" not in plain
    described = kinesis.describe_stream(StreamName=stream)["StreamDescription"]
    assert described["EncryptionType"] == "NONE" and "KeyId" not in described
    start(kinesis, stream)
    for described in (
        kinesis.describe_stream(StreamName=stream)["StreamDescription"],
        kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"],
    ):
        assert described["EncryptionType"] == "KMS" and described["KeyId"] == DEFAULT
    assert put(kinesis, b"one", stream)["EncryptionType"] == "KMS"
    many = kinesis.put_records(
        StreamName=stream, Records=[{"Data": b"two", "PartitionKey": "k", "ExplicitHashKey": "7"}]
    )
    assert many["EncryptionType"] == "KMS" and many["FailedRecordCount"] == 0
    stop(kinesis, stream)
    assert "EncryptionType" not in put(kinesis, b"three", stream)
    records = read_shard(kinesis, stream, SHARD)
    assert [(r["Data"], r.get("EncryptionType")) for r in records] == [
        (b"plain", None),
        (b"one", "KMS"),
        (b"two", "KMS"),
        (b"three", None),
    ]
    described = kinesis.describe_stream(StreamName=stream)["StreamDescription"]
    assert described["EncryptionType"] == "NONE" and "KeyId" not in described


@pytest.mark.parametrize("kill", [False, True], ids=["SIGTERM", "SIGKILL"])
def test_nothing_on_the_disk_is_plain_and_all_is_readable_after_a_restart(new_server, kill):
    server = new_server("--segment-size", "1MiB", env={"SLUICE_LOG_LEVEL": "debug"})
    kinesis = client(server.endpoint)
    create(kinesis, "s", 2)
    start(kinesis)
    words = [MARKER, KEY_MARKER.encode()]
    for n in range(12):  # several segments: some sealed into tables, one in its write-ahead log
        kinesis.put_records(
            StreamName="s",
            Records=[
                {"Data": MARKER + bytes([n, k]) * 2000, "PartitionKey": f"{KEY_MARKER}-{n}-{k}"}
                for k in range(50)
            ],
        )
        assert files_with(server.data, words) == []
    before = [read_shard(kinesis, "s", s["ShardId"]) for s in open_shards(kinesis, "s")]
    assert sum(map(len, before)) == 600
    for _ in range(2):
        server.restart(kill=kill)
        assert files_with(server.data, words) == []
        after = [read_shard(kinesis, "s", s["ShardId"]) for s in open_shards(kinesis, "s")]
        assert after == before
    create(kinesis, "plain")  # the search finds what is there to be found
    put(kinesis, MARKER, "plain")
    assert files_with(server.data, [MARKER])
    key = (server.data / "master-keys").read_text().split()[-1]
    assert key not in server.stderr and key not in server.stdout


def test_the_default_key_is_made_once_and_is_its_owners_alone(new_server):
    server = new_server()
    path = server.data / "master-keys"
    made = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600 and DEFAULT in made
    server.restart()
    assert path.read_text() == made


def test_other_keys_and_new_versions_make_new_data_keys_and_old_records_stay(own, keys):
    server, kinesis = own
    number = itertools.count()
    wanted = []

    def write():
        wanted.append(b"%d" % next(number))
        put(kinesis, wanted[-1])
        assert [r["Data"] for r in read_shard(kinesis, "s", SHARD)] == wanted

    write()
    start(kinesis)
    write()
    other = keys.add("alias/other")
    hang_up(server, kinesis, lambda: not code_of(
        kinesis.start_stream_encryption, StreamName="s", EncryptionType="KMS", KeyId="alias/other"))
    write()
    arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:"
    for key in (other, arn + "key/" + other, arn + "alias/other", DEFAULT, arn + DEFAULT):
        start(kinesis, key=key)
        described = kinesis.describe_stream(StreamName="s")["StreamDescription"]
        assert described["KeyId"] == key
        write()
    stop(kinesis, key=arn + DEFAULT)
    write()
    start(kinesis, key=other)
    keys.add("alias/other", other)  # a new version of it
    os.kill(server.pid, signal.SIGHUP)
    until(lambda: "wrapped anew" in server.stderr, words="the data keys wrapped anew")
    write()
    start(kinesis, key=other)
    write()
    del keys.lines[1]  # the old version: nothing is wrapped by it any more
    keys.write()
    for _ in range(2):
        server.restart()
        write()
    for line in keys.lines:
        assert line[3] not in server.stderr


def test_encryption_goes_on_over_splits(own):
    _, kinesis = own
    start(kinesis)
    put(kinesis, b"parent")
    children = split(kinesis, "s", SHARD)
    got = put(kinesis, b"child")
    assert got["EncryptionType"] == "KMS" and got["ShardId"] in [c["ShardId"] for c in children]
    assert [r["Data"] for r in read_shard(kinesis, "s", SHARD)] == [b"parent"]
    assert [r["Data"] for r in read_shard(kinesis, "s", got["ShardId"])] == [b"child"]


@pytest.mark.parametrize(
    "away, expected",
    [
        ("removed", "KMSNotFoundException"),
        ("file removed", "KMSNotFoundException"),
        ("disabled", "KMSDisabledException"),
        ("replaced", "KMSInvalidStateException"),
    ],
)
def test_a_key_that_is_away_stops_its_streams_alone_until_it_is_back(own, keys, away, expected):
    server, kinesis = own
    create(kinesis, "plain")
    put(kinesis, b"before")
    start(kinesis)
    put(kinesis, b"secret")
    lines = [list(line) for line in keys.lines]

    def take_away():
        if away == "removed":
            keys.lines = []
            keys.write()
        elif away == "file removed":
            keys.path.unlink()
        elif away == "disabled":
            keys.state(keys.lines[0][0], "disabled")
        else:
            keys.lines[0][3] = secrets.token_hex(32)
            keys.write()

    def read():
        at = kinesis.get_shard_iterator(
            StreamName="s", ShardId=SHARD, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        page = kinesis.get_records(ShardIterator=at)
        return page, kinesis.get_records(ShardIterator=page["NextShardIterator"])

    def refuses():
        return code_of(put, kinesis=kinesis, data=b"x") == expected

    take_away()
    hang_up(server, kinesis, refuses)
    for again in range(2):
        assert refused(kinesis.put_records, StreamName="s", Records=[
            {"Data": b"x", "PartitionKey": "k"}])[0] == expected
        assert code_of(read) == expected  # the plain record is given, then it is refused
        if away in ("removed", "disabled"):
            assert refused(kinesis.start_stream_encryption, StreamName="plain",
                           EncryptionType="KMS", KeyId=DEFAULT)[0] == expected
        put(kinesis, b"goes on", "plain")
        if again == 0:
            server.restart()
    keys.lines = lines
    keys.write()
    hang_up(server, kinesis, lambda: not refuses())
    records = read_shard(kinesis, "s", SHARD)
    assert [r["Data"] for r in records[:2]] == [b"before", b"secret"]
    assert {r["Data"] for r in records[2:]} == {b"x"}
    stop(kinesis)


def test_a_subscription_gets_what_is_encrypted_until_its_key_is_away(own, keys):
    server, kinesis = own
    keys.add("alias/other")
    os.kill(server.pid, signal.SIGHUP)
    put(kinesis, b"plain")
    reader = Reader(kinesis, register(kinesis, "s", "one"), position=START)
    assert reader.records(1)[0] == [b"plain"]
    start(kinesis)
    put(kinesis, b"first key")
    assert reader.records(1)[0] == [b"first key"]
    until(lambda: not code_of(start, kinesis=kinesis, key="alias/other"), words="the other key")
    put(kinesis, b"second key")
    assert reader.records(1)[0] == [b"second key"]
    create(kinesis, "looks")  # a put that came before the key went would end the first reader, too
    start(kinesis, "looks")
    keys.lines, lines = [], keys.lines
    keys.write()
    hang_up(server, kinesis, lambda: code_of(put, kinesis=kinesis, data=b"x", name="looks"))
    again = Reader(kinesis, register(kinesis, "s", "two"), position=START)
    assert again.records(1)[0] == [b"plain"]
    end = again.event()
    assert "KMSNotFoundException" in str(end)
    keys.lines = lines
    keys.write()
    hang_up(server, kinesis, lambda: not code_of(put, kinesis=kinesis, data=b"x"))
    event = reader.event()
    while not event["Records"]:
        event = reader.event()
    assert event["Records"][0]["EncryptionType"] == "KMS"


def test_a_stop_does_not_need_the_key(own, keys):
    server, kinesis = own
    start(kinesis)
    keys.lines = []
    keys.write()
    hang_up(server, kinesis, lambda: code_of(put, kinesis=kinesis, data=b"x"))
    stop(kinesis)
    assert "EncryptionType" not in put(kinesis, b"plain")


def test_a_key_file_that_others_can_read_is_refused(keys, data_root):
    keys.add(DEFAULT)
    keys.path.chmod(0o640)
    ended = sluice("serve", "--dev", "--data", f"{data_root}/never", "--master-key-file", keys.path)
    assert ended.returncode == 1 and "chmod 600" in ended.stderr


def test_a_bad_key_file_leaves_what_is_in_force(own, keys):
    server, kinesis = own
    start(kinesis)
    keys.path.write_text("nonsense\n")
    os.kill(server.pid, signal.SIGHUP)
    until(lambda: "the master keys in force stay: line 1" in server.stderr)
    put(kinesis, b"goes on")
    server.stop()
    ended = sluice("serve", "--dev", "--data", server.data, "--master-key-file", keys.path)
    assert ended.returncode == 1
    assert "line 1" in ended.stderr and "nonsense" not in ended.stderr


def test_starts_and_stops_are_limited_in_a_day(stream, kinesis):
    for _ in range(25):
        start(kinesis, stream)
        start(kinesis, stream)  # changes nothing, and counts for nothing
        stop(kinesis, stream)
    code, words = refused(
        kinesis.start_stream_encryption, StreamName=stream, EncryptionType="KMS", KeyId=DEFAULT
    )
    assert code == "LimitExceededException" and "25 times" in words


def test_a_stream_dwells_in_updating(new_server):
    server = new_server("--state-delay", "400ms")
    kinesis = client(server.endpoint)
    create(kinesis, "s")
    kinesis.start_stream_encryption(StreamName="s", EncryptionType="KMS", KeyId=DEFAULT)
    description = kinesis.describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]
    assert description["StreamStatus"] == "UPDATING"
    assert refused(
        kinesis.stop_stream_encryption, StreamName="s", EncryptionType="KMS", KeyId=DEFAULT
    ) == (
        "ResourceInUseException",
        f"Stream s under account {ACCOUNT} not ACTIVE, instead in state UPDATING",
    )
    server.restart(kill=True)
    wait_active(kinesis, "s")
    assert put(kinesis, b"x")["EncryptionType"] == "KMS"


def test_refusals(stream, kinesis):
    def start_with(**members):
        return refused(
            kinesis.start_stream_encryption,
            **{"StreamName": stream, "EncryptionType": "KMS", "KeyId": DEFAULT, **members},
        )

    assert start_with(EncryptionType="NONE")[0] == "InvalidArgumentException"
    assert start_with(EncryptionType="AES")[0] == "ValidationException"
    assert start_with(StreamName="nobody") == (
        "ResourceNotFoundException",
        f"Stream nobody under account {ACCOUNT} not found.",
    )
    for key in ("nonsense", "alias/nobody", str(uuid.uuid4()), "arn:x",
                f"arn:aws:kms:eu-west-1:{ACCOUNT}:{DEFAULT}"):
        assert start_with(KeyId=key)[0] == "KMSNotFoundException"
    assert start_with(KeyId=f"arn:aws:kms:{REGION}:999999999999:{DEFAULT}")[0] == (
        "KMSAccessDeniedException"
    )
    start(kinesis, stream)
    code, words = refused(
        kinesis.stop_stream_encryption, StreamName=stream, EncryptionType="KMS", KeyId="alias/other"
    )
    assert code == "InvalidArgumentException" and "alias/other" in words
