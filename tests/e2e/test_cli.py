"""test_cli.py: the AWS CLI, as a person types it."""

import base64
import json
import subprocess
import sys

import pytest

from server import clean_environment


def aws(server, *words, ok=True, tls=False):
    env = clean_environment(
        {
            "AWS_ACCESS_KEY_ID": "dev",
            "AWS_SECRET_ACCESS_KEY": "dev",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_KINESIS": server.tls_endpoint if tls else server.endpoint,
            "AWS_PAGER": "",
            "AWS_MAX_ATTEMPTS": "1",
            **({"AWS_CA_BUNDLE": server.ca} if tls else {}),
        }
    )
    got = subprocess.run(
        [sys.executable, "-m", "awscli", "kinesis", *words, "--output", "json"],
        capture_output=True,
        text=True,
        env=env,
        timeout=120,
    )
    assert (got.returncode == 0) == ok, got.stderr
    if not ok:
        return got.stderr
    return json.loads(got.stdout) if got.stdout.strip() else None


@pytest.mark.parametrize("tls", [False, True])
def test_a_stream_from_making_to_deleting(server, new_name, tls):
    name = new_name()
    run = lambda *words, **m: aws(server, *words, tls=tls, **m)
    assert name not in run("list-streams")["StreamNames"]
    assert (
        run(
            "create-stream",
            "--stream-name",
            name,
            "--shard-count",
            "2",
            "--stream-mode-details",
            "StreamMode=PROVISIONED",
        )
        is None
    )
    run("wait", "stream-exists", "--stream-name", name)
    assert name in run("list-streams")["StreamNames"]
    put = run("put-record", "--stream-name", name, "--partition-key", "a", "--data", "hello")
    at = run(
        "get-shard-iterator",
        "--stream-name",
        name,
        "--shard-id",
        put["ShardId"],
        "--shard-iterator-type",
        "TRIM_HORIZON",
    )["ShardIterator"]
    for text in (at, f'"{at}"'):
        records = run("get-records", "--shard-iterator", text)["Records"]
        assert [base64.b64decode(r["Data"]) for r in records] == [b"hello"]
        assert records[0]["SequenceNumber"] == put["SequenceNumber"]
    assert (
        run("describe-stream", "--stream-name", name)["StreamDescription"]["StreamStatus"]
        == "ACTIVE"
    )
    assert len(run("list-shards", "--stream-name", name)["Shards"]) == 2
    run("delete-stream", "--stream-name", name)
    run("wait", "stream-not-exists", "--stream-name", name)
    assert "ResourceNotFoundException" in run("describe-stream", "--stream-name", name, ok=False)


def test_many_records_and_a_reshard(server, new_name, tmp_path):
    name = new_name()
    aws(server, "create-stream", "--stream-name", name, "--shard-count", "1")
    records = tmp_path / "records.json"
    records.write_text(json.dumps([{"Data": f"d{n}", "PartitionKey": f"k{n}"} for n in range(100)]))
    got = aws(server, "put-records", "--stream-name", name, "--records", f"file://{records}")
    assert got["FailedRecordCount"] == 0 and len(got["Records"]) == 100
    aws(
        server,
        "split-shard",
        "--stream-name",
        name,
        "--shard-to-split",
        "shardId-000000000000",
        "--new-starting-hash-key",
        str(2**127),
    )
    aws(server, "wait", "stream-exists", "--stream-name", name)
    got = aws(server, "list-shards", "--stream-name", name, "--shard-filter", "Type=AT_LATEST")
    assert [s["ShardId"] for s in got["Shards"]] == ["shardId-000000000001", "shardId-000000000002"]
    aws(
        server,
        "increase-stream-retention-period",
        "--stream-name",
        name,
        "--retention-period-hours",
        "48",
    )
    summary = aws(server, "describe-stream-summary", "--stream-name", name)[
        "StreamDescriptionSummary"
    ]
    assert summary["RetentionPeriodHours"] == 48 and summary["OpenShardCount"] == 2
    assert aws(server, "describe-limits")["OpenShardCount"] >= 2
    aws(server, "delete-stream", "--stream-name", name)
