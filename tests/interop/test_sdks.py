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


def test_cli(environment, tmp_path):
    """AWS CLI: a stream made, written, read and deleted, over TLS."""

    def aws(*words):
        told = toolchains.run(["aws", "kinesis", *words], tmp_path, environment, 60)
        return json.loads(told) if told.strip() else {}

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
