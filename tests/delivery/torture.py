#!/usr/bin/env python3
"""torture.py: records through delivery streams into a real S3 server, while Sluice and that server are killed.

    tests/delivery/torture.py [--records N] [--kills N] [--s3-kills N] [--gzip] [--source direct|kinesis] [--megabytes M] [--seconds S]

Writers put batches; a put whose answer is lost is not repeated: its records become `maybe`. In the end the union of the objects is read back, through
the S3 server's own API:

 T1. Every acknowledged record is there exactly once, its bytes as they were put.
 T2. A `maybe` is there at most once. Nothing else is there, and no upload that was begun and never ended.

Records are lines: an id, a hash of the rest, the rest: the machine's package index (apt-cache dumpavail), or made up where there is none left.
"""

import argparse
import gzip
import http.client
import itertools
import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import streams  # noqa: E402
from s3_server import ACCESS_KEY, SECRET_KEY, S3Server  # noqa: E402
from server import Server  # noqa: E402
from ways import WAYS  # noqa: E402
from wire import dev_headers  # noqa: E402

WRITERS, BATCH, SHARDS = 4, 250, 3
ROLE, BUCKET, NAME = "arn:aws:iam::000000000000:role/r", "torture", "torture"


def package_index(most):
    """Paragraphs of the package index, each one line."""
    try:
        text = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [p.replace(b"\n", b"\x1f") for p in text.split(b"\n\n")[:most] if p]


class Torture:
    def __init__(self, records, source, compression, hints=(1, 2), seed=1, way="plain"):
        self.records, self.source, self.compression = records, source, compression
        self.way = WAYS[way]()
        self.hints = (max(hints[0], self.way.smallest_mib), hints[1])  # MiB, seconds
        self.random = random.Random(seed)
        self.lock = threading.Condition()  # notified when records were acknowledged, and when a writer ends
        self.up = threading.Event()  # clear from before a kill until the next start
        self.up.set()
        self.next, self.acknowledged, self.maybe = 0, set(), set()
        self.writing = WRITERS
        self.texts = package_index(records // 2)
        self.s3 = S3Server().start()
        self.s3.make_bucket(BUCKET)
        self.flags = [f"--s3-endpoint={self.s3.endpoint}", f"--s3-access-key={ACCESS_KEY}"]
        self.env = {"SLUICE_S3_SECRET_KEY": SECRET_KEY}
        if self.way.transforms:
            file = self.s3.folder / "transforms.json"
            file.write_text(json.dumps(self.way.transforms))
            self.flags.append(f"--transforms={file}")
        self.server = Server(flags=self.flags, env=self.env).start()

    def client(self, service):
        return streams.client(self.server.endpoint, service=service, timeout=20)

    def make(self):
        destination = {
            "RoleARN": ROLE,
            "BucketARN": f"arn:aws:s3:::{BUCKET}",
            "Prefix": self.way.prefix,
            "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
            "BufferingHints": {"SizeInMBs": self.hints[0], "IntervalInSeconds": self.hints[1]},
            "CompressionFormat": self.compression,
        } | self.way.configuration
        firehose, more = self.client("firehose"), {}
        if self.source == "kinesis":
            kinesis = self.client("kinesis")
            kinesis.create_stream(StreamName=NAME, ShardCount=SHARDS)
            kinesis.get_waiter("stream_exists").wait(StreamName=NAME, WaiterConfig={"Delay": 1})
            arn = kinesis.describe_stream_summary(StreamName=NAME)["StreamDescriptionSummary"]["StreamARN"]
            more = {
                "DeliveryStreamType": "KinesisStreamAsSource",
                "KinesisStreamSourceConfiguration": {"KinesisStreamARN": arn, "RoleARN": ROLE},
            }
        firehose.create_delivery_stream(
            DeliveryStreamName=NAME, ExtendedS3DestinationConfiguration=destination, **more
        )
        streams.wait_delivering(firehose, NAME)

    def text(self, number):
        if number < len(self.texts):
            return self.texts[number]
        return b"made up %d " % number + b"x" * (number % 97)

    def take(self):
        with self.lock:
            if len(self.acknowledged) >= self.records:
                return None
            numbers = range(self.next, self.next + BATCH)
            self.next += BATCH
            return numbers

    def put(self, service, numbers):
        """Those that were acknowledged; the others of the batch were refused, so they are not there."""
        lines = [self.way.line(n, self.text(n)) for n in numbers]
        if self.source == "kinesis":
            got = service.put_records(
                StreamName=NAME,
                Records=[{"Data": d, "PartitionKey": str(n)} for n, d in zip(numbers, lines)],
            )["Records"]
        else:
            got = service.put_record_batch(
                DeliveryStreamName=NAME, Records=[{"Data": d} for d in lines]
            )["RequestResponses"]
        return [n for n, answer in zip(numbers, got) if "ErrorCode" not in answer]

    def write(self):
        service = self.client("kinesis" if self.source == "kinesis" else "firehose")
        while (numbers := self.take()) is not None:
            try:
                good = self.put(service, numbers)
            except Exception:  # the server was killed: nobody knows
                with self.lock:
                    self.maybe.update(numbers)
                self.up.wait(60)
                continue
            with self.lock:
                self.acknowledged.update(good)
                self.lock.notify_all()
        with self.lock:
            self.writing -= 1
            self.lock.notify_all()

    def kill(self, kills, s3_kills):
        """At places spread over the way, by what was acknowledged; the last ones while it is delivered."""
        plan = sorted(
            [((i + 1) / (kills + 1), "sluice") for i in range(kills)]
            + [((i + 1) / (s3_kills + 1), "s3") for i in range(s3_kills)]
        )
        for at, what in plan:
            with self.lock:
                self.lock.wait_for(lambda: len(self.acknowledged) >= at * self.records or self.writing == 0, 600)
            time.sleep(self.random.random() * 0.3)  # not a wait: kills are to come at any moment, not just after an answer
            if what == "s3":
                self.s3.kill()
                time.sleep(self.random.random() * 0.5)  # not a wait: so long it is away
                self.s3.start()
            else:
                self.up.clear()
                self.server.kill()
                self.server = Server(
                    data=self.server.data, flags=self.flags, env=self.env, port=self.server.port
                ).start()
                self.up.set()

    def flush(self, seconds):
        status, answer = call_ours(self.server, "FlushDeliveryStream", NAME, seconds)
        assert status == 200, f"flush: {status} {answer}"

    def run(self, kills, s3_kills, seconds):
        self.make()
        writers = [threading.Thread(target=self.write, daemon=True) for _ in range(WRITERS)]
        for w in writers:
            w.start()
        self.kill(kills, s3_kills)
        for w in writers:
            w.join()
        self.flush(seconds)
        return self.check()

    def check(self):
        seen, objects, largest = {}, 0, 0
        for key, body in self.s3.objects(BUCKET):
            assert key.startswith("in/"), f"{key}: {body[:200]}"
            assert key.endswith(".gz") == (self.compression == "GZIP"), key
            objects, largest = objects + 1, max(largest, len(body))
            data = gzip.decompress(body) if self.compression == "GZIP" else body
            for line in data.split(b"\n")[:-1]:
                number = self.way.read(line)
                assert number not in seen, f"record {number} twice: {seen[number]}, {key}"
                assert key.startswith(self.way.folder(number)), key
                seen[number] = key
        wanted = {n for n in self.acknowledged if self.way.kept(n)}
        lost = wanted - seen.keys()
        assert not lost, f"{len(lost)} lost, as {sorted(lost)[:5]}"
        strange = seen.keys() - {n for n in self.acknowledged | self.maybe if self.way.kept(n)}
        assert not strange, f"{len(strange)} that were never put, as {sorted(strange)[:5]}"
        left = self.s3.client().list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        assert not left, f"uploads that were never ended: {left[:3]}"
        return {
            "objects": objects,
            "largest": largest,
            "records": len(seen),
            "acknowledged": len(self.acknowledged),
        }

    def close(self, fine):
        if fine:
            self.server.stop()
        else:
            print(self.server.stderr[-8000:])
            self.server.kill()
        self.s3.close()


def call_ours(server, operation, name, seconds):
    """An operation of our own."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=seconds + 30)
    body = json.dumps({"DeliveryStreamName": name, "WithinSeconds": seconds})
    connection.request("POST", "/", body, dev_headers(operation, target="Sluice_20261101."))
    answer = connection.getresponse()
    return answer.status, answer.read()


def torture(records, source, compression, kills, s3_kills, seconds=120, hints=(1, 2), way="plain"):
    t = Torture(records, source, compression, hints, way=way)
    fine = False
    try:
        found = t.run(kills, s3_kills, seconds)
        fine = True
        return found
    finally:
        t.close(fine)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--records", type=int, default=1000000)
    p.add_argument("--kills", type=int, default=10)
    p.add_argument("--s3-kills", type=int, default=5)
    p.add_argument("--gzip", action="store_true")
    p.add_argument("--way", choices=[*WAYS, "all"], default="plain", help="as they are, into 50 partitions by jq, through a transform")
    p.add_argument("--source", choices=["direct", "kinesis", "both"], default="both")
    p.add_argument("--megabytes", type=int, default=5, help="SizeInMBs; above 8 objects go in parts")
    p.add_argument("--interval", type=int, default=5, help="IntervalInSeconds")
    p.add_argument("--seconds", type=int, default=300, help="how long the last flush may take")
    a = p.parse_args()
    sources = ["direct", "kinesis"] if a.source == "both" else [a.source]
    for way, source in itertools.product(WAYS if a.way == "all" else [a.way], sources):
        began = time.monotonic()
        found = torture(
            a.records,
            source,
            "GZIP" if a.gzip else "UNCOMPRESSED",
            a.kills,
            a.s3_kills,
            a.seconds,
            (a.megabytes, a.interval),
            way,
        )
        print(f"{way}, {source}: {json.dumps(found)} in {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
