#!/usr/bin/env python3
"""Puts the package index of this machine into a stream, reads all of it back, and compares it byte for byte.

./dev run                                      # in another terminal
pip install boto3
python3 examples/package-index/ingest.py       # --help tells the rest
"""

import argparse
import collections
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

RECORDS_MAX, BYTES_MAX = 500, 5 << 20  # of one PutRecords


def package_index(limit):
    """(package, its paragraph) for all that apt knows."""
    try:
        out = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as e:
        sys.exit(f"cannot run apt-cache dumpavail: {e}")
    paragraphs = [p for p in out.split(b"\n\n") if p.startswith(b"Package: ")]
    if not paragraphs:
        sys.exit("apt knows no packages: run `apt-get update` first")
    name = lambda p: p.split(b"\n", 1)[0].removeprefix(b"Package: ").decode()
    return [(name(p), p) for p in paragraphs[:limit]]


def batches(records):
    batch, size = [], 0
    for key, data in records:
        if batch and (len(batch) == RECORDS_MAX or size + len(key) + len(data) > BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append({"PartitionKey": key, "Data": data})
        size += len(key) + len(data)
    if batch:
        yield batch


def put_all(kinesis, stream, records):
    """Puts them, and what failed again, but only that. How many entries had to be sent again."""
    again = 0
    for batch in batches(records):
        for attempt in range(20):
            answer = kinesis.put_records(StreamName=stream, Records=batch)
            if not answer["FailedRecordCount"]:
                break
            batch = [sent for sent, got in zip(batch, answer["Records"]) if "ErrorCode" in got]
            again += len(batch)
            time.sleep(min(0.05 * 2**attempt, 2))
        else:
            sys.exit(
                f"{len(batch)} records were refused 20 times, the last with: {answer['Records'][-1]}"
            )
    return again


def read_shard(kinesis, stream, shard, kind, **members):
    """All records of a shard, up to its tip."""
    at = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=shard, ShardIteratorType=kind, **members
    )["ShardIterator"]
    records = []
    while at:
        page = kinesis.get_records(ShardIterator=at)
        records += page["Records"]
        at = (
            page.get("NextShardIterator") if page["Records"] or page["MillisBehindLatest"] else None
        )
    return records


def read_all(kinesis, stream, kind, **members):
    shards = [
        s["ShardId"]
        for page in kinesis.get_paginator("list_shards").paginate(StreamName=stream)
        for s in page["Shards"]
    ]
    with ThreadPoolExecutor(4) as pool:
        read = pool.map(lambda s: read_shard(kinesis, stream, s, kind, **members), shards)
        return [r for records in read for r in records]


def compare(expected, records, how):
    """Each record as often as it was put, and no other."""
    wanted = collections.Counter(expected)
    found = collections.Counter((r["PartitionKey"], r["Data"]) for r in records)
    if wanted != found:
        missing, surplus = wanted - found, found - wanted
        sys.exit(
            f"{how}: {missing.total()} records are missing and {surplus.total()} too many; "
            f"first: {next(iter(missing | surplus))[0]}"
        )


def rate(count, size, seconds):
    return f"{count:,} records, {size / 1e6:.1f} MB, {seconds:.2f} s: {count / seconds:,.0f} records/s, {size / 1e6 / seconds:.1f} MB/s"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--endpoint", default=os.environ.get("AWS_ENDPOINT_URL_KINESIS", "http://127.0.0.1:4567")
    )
    parser.add_argument(
        "--stream", default="package-index", help="made for this, and deleted at the end"
    )
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--limit", type=int, help="take only so many packages")
    parser.add_argument("--keep", action="store_true", help="leave the stream there")
    options = parser.parse_args()

    session = boto3.session.Session()
    known = (
        {}
        if session.get_credentials()
        else {"aws_access_key_id": "dev", "aws_secret_access_key": "dev"}
    )
    kinesis = session.client(
        "kinesis",
        endpoint_url=options.endpoint,
        region_name=session.region_name or "us-east-1",
        config=Config(read_timeout=120, max_pool_connections=16),
        **known,
    )
    expected = package_index(options.limit)
    size = sum(len(data) for _, data in expected)
    print(f"package index: {len(expected):,} packages, {size / 1e6:.1f} MB")

    kinesis.create_stream(StreamName=options.stream, ShardCount=options.shards)
    kinesis.get_waiter("stream_exists").wait(StreamName=options.stream, WaiterConfig={"Delay": 1})
    try:
        begun = time.monotonic()
        again = put_all(kinesis, options.stream, expected)
        print(
            f"put           {rate(len(expected), size, time.monotonic() - begun)}, {again} sent again"
        )

        begun = time.monotonic()
        records = read_all(kinesis, options.stream, "TRIM_HORIZON")
        print(f"TRIM_HORIZON  {rate(len(records), size, time.monotonic() - begun)}")
        compare(expected, records, "TRIM_HORIZON")

        first = min(r["ApproximateArrivalTimestamp"] for r in records)
        begun = time.monotonic()
        by_time = read_all(kinesis, options.stream, "AT_TIMESTAMP", Timestamp=first)
        print(f"AT_TIMESTAMP  {rate(len(by_time), size, time.monotonic() - begun)}")
        compare(expected, by_time, "AT_TIMESTAMP of the first record")

        middle = sorted(r["ApproximateArrivalTimestamp"] for r in records)[len(records) // 2]
        late = [
            (r["PartitionKey"], r["Data"])
            for r in records
            if r["ApproximateArrivalTimestamp"] >= middle
        ]
        compare(
            late,
            read_all(kinesis, options.stream, "AT_TIMESTAMP", Timestamp=middle),
            "AT_TIMESTAMP of the middle",
        )
        print("every byte came back, once, by TRIM_HORIZON and by AT_TIMESTAMP")
    finally:
        if not options.keep:
            kinesis.delete_stream(StreamName=options.stream)


if __name__ == "__main__":
    main()
