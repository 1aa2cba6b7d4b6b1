"""test_sdks.py: the play of README.md by each AWS SDK, unmodified."""

import json

import pytest
import toolchains

STEPS = [
    "error",
    "create",
    "put",
    "read",
    "split",
    "merge",
    "update shard count",
    "register consumer",
    "subscribe",
    "deregister consumer",
    "delete",
]


@pytest.fixture(scope="session")
def javascript():
    return toolchains.javascript()


@pytest.mark.parametrize("handler", ["http2", "http1"])
def test_javascript(play, javascript, handler):
    """AWS SDK for JavaScript v3: JSON, by its own choice over HTTP/2."""
    play(javascript, handler, name=f"js-{handler}", steps=STEPS)


@pytest.fixture(scope="session")
def java(java_trust):
    return [*toolchains.java("java"), *java_trust, "Play"]


@pytest.mark.parametrize("client", ["async", pytest.param("sync", marks=pytest.mark.whole)])
def test_java(play, java, client):
    """AWS SDK for Java v2: CBOR; the sync client over HTTP/1.1, the async one over HTTP/2."""
    play(java, client, name=f"java-{client}", steps=STEPS)


@pytest.mark.whole
def test_go(play):
    """AWS SDK for Go v2: JSON over HTTP/2."""
    play(toolchains.go(), name="go", steps=STEPS)


@pytest.mark.whole
def test_rust(play):
    """AWS SDK for Rust: JSON."""
    play(toolchains.rust(), name="rust", steps=STEPS)


@pytest.fixture
def aws(environment, tmp_path):
    """The AWS CLI, as a person types it."""

    def run(*words):
        told = toolchains.run(["aws", "kinesis", *words], tmp_path, environment, 60)
        return json.loads(told) if told.strip() else {}

    return run


def test_cli(aws):
    """AWS CLI: a stream made, written, read and deleted."""
    aws("create-stream", "--stream-name", "cli", "--shard-count", "1")
    aws("wait", "stream-exists", "--stream-name", "cli")
    put = aws("put-record", "--stream-name", "cli", "--partition-key", "k", "--data", "hello")
    assert put["ShardId"] == "shardId-000000000000"
    words = ["--shard-id", put["ShardId"], "--shard-iterator-type", "TRIM_HORIZON"]
    at = aws("get-shard-iterator", "--stream-name", "cli", *words)["ShardIterator"]
    (record,) = aws("get-records", "--shard-iterator", at)["Records"]
    assert (record["PartitionKey"], record["Data"]) == ("k", "aGVsbG8=")
    assert record["SequenceNumber"] == put["SequenceNumber"]
    aws("delete-stream", "--stream-name", "cli")


@pytest.mark.whole
def test_cli_reshards_and_registers(aws):
    """AWS CLI: split, merge, UpdateShardCount; a consumer. It has no subscribe-to-shard."""
    here = ["--stream-name", "cli-shards"]
    open_ids = lambda: [s["ShardId"][-2:] for s in aws("list-shards", *here, "--shard-filter", "Type=AT_LATEST")["Shards"]]
    aws("create-stream", *here, "--shard-count", "1")
    aws("wait", "stream-exists", *here)
    aws("split-shard", *here, "--shard-to-split", "0", "--new-starting-hash-key", str(2**127))
    aws("wait", "stream-exists", *here)
    assert open_ids() == ["01", "02"]
    aws("merge-shards", *here, "--shard-to-merge", "1", "--adjacent-shard-to-merge", "2")
    aws("wait", "stream-exists", *here)
    assert open_ids() == ["03"]
    aws("update-shard-count", *here, "--target-shard-count", "2", "--scaling-type", "UNIFORM_SCALING")
    aws("wait", "stream-exists", *here)
    assert open_ids() == ["04", "05"]

    arn = aws("describe-stream-summary", *here)["StreamDescriptionSummary"]["StreamARN"]
    name = ["--stream-arn", arn, "--consumer-name", "push"]
    made = aws("register-stream-consumer", *name)["Consumer"]
    (listed,) = aws("list-stream-consumers", "--stream-arn", arn)["Consumers"]
    assert listed["ConsumerARN"] == made["ConsumerARN"]
    aws("deregister-stream-consumer", *name)
    aws("delete-stream", *here, "--enforce-consumer-deletion")
    aws("wait", "stream-not-exists", *here)
