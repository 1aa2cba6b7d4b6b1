"""test_processing.py: records through processors into a real S3 server: partitions by jq, what is refused."""

import base64
import json

import pytest
from streams import refused
from torture import BUCKET, NAME, ROLE, Torture
from ways import ARN, processor


class Processed(Torture):
    """A torture whose delivery stream has processors."""

    def __init__(self, records, processors, more, flags=()):
        super().__init__(records, "direct", "UNCOMPRESSED")
        self.texts, self.processors, self.more = [], processors, more
        self.server.stop()
        self.flags += flags
        self.server = type(self.server)(flags=self.flags, env=self.env).start()

    def make(self):
        destination = {
            "RoleARN": ROLE,
            "BucketARN": f"arn:aws:s3:::{BUCKET}",
            "Prefix": "in/!{timestamp:yyyy}/",
            "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
            "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 1},
            "ProcessingConfiguration": {"Enabled": True, "Processors": self.processors},
        }
        self.client("firehose").create_delivery_stream(
            DeliveryStreamName=NAME, ExtendedS3DestinationConfiguration=destination | self.more
        )

    def lines(self):
        """(key, line), each of them."""
        for key, body in self.s3.objects(BUCKET):
            for line in body.split(b"\n")[:-1]:
                yield key, line


def use(torture, work):
    fine = False
    try:
        work(torture)
        fine = True
    finally:
        torture.close(fine)


def test_jq_puts_each_record_under_its_key():
    query = "{customer:.customer, half:(if .n > 49 then \"high\" else \"low\" end)}"
    more = {
        "Prefix": "c=!{partitionKeyFromQuery:customer}/!{partitionKeyFromQuery:half}/",
        "DynamicPartitioningConfiguration": {"Enabled": True},
    }
    processors = [
        processor("RecordDeAggregation", SubRecordType="JSON"),
        processor("MetadataExtraction", MetadataExtractionQuery=query, JsonParsingEngine="JQ-1.6"),
        processor("AppendDelimiterToRecord"),
    ]

    def work(t):
        t.make()
        firehose = t.client("firehose")
        objects = [{"customer": f"c{n % 7}", "n": n} for n in range(100)]
        texts = [json.dumps(o).encode() for o in objects]
        data = [texts[n] + texts[n + 1] for n in range(0, 100, 2)] + [b"not json", b'{"customer":null,"n":1}']
        answer = firehose.put_record_batch(DeliveryStreamName=NAME, Records=[{"Data": d} for d in data])
        assert answer["FailedPutCount"] == 0
        t.flush(60)
        good, bad = {}, []
        for key, line in t.lines():
            if key.startswith("errors/processing-failed/"):
                bad.append(json.loads(line))
            else:
                found = json.loads(line)
                half = "high" if found["n"] > 49 else "low"
                assert key.startswith(f"c={found['customer']}/{half}/"), key
                assert found["n"] not in good
                good[found["n"]] = found
        assert [good[n] for n in range(100)] == objects
        assert sorted(base64.b64decode(e["rawData"]) for e in bad) == sorted(data[-2:])
        assert {e["errorCode"] for e in bad} == {"DynamicPartitioning.MetadataExtractionFailed"}

    use(Processed(1, processors, more), work)


def test_no_record_ends_the_server_or_its_delivery():
    """libjq 1.6 dies of 1e300 % -1, and of what never ends its process is rid after a second."""
    query = "{k:(if .n < 0 then def f: f; f else .n % -1 end)}"
    more = {"Prefix": "k=!{partitionKeyFromQuery:k}/", "DynamicPartitioningConfiguration": {"Enabled": True}}

    def work(t):
        t.make()
        numbers = ["7", "1e300", "8", "-1", "9"]
        data = [b'{"n":%s}\n' % n.encode() for n in numbers]
        t.client("firehose").put_record_batch(DeliveryStreamName=NAME, Records=[{"Data": d} for d in data])
        t.flush(60)
        lines = list(t.lines())
        good = [line for key, line in lines if key.startswith("k=0/")]
        bad = [json.loads(line) for key, line in lines if key.startswith("errors/processing-failed/")]
        assert good == [b'{"n":7}', b'{"n":8}', b'{"n":9}']
        assert [base64.b64decode(e["rawData"]) for e in bad] == [data[1], data[3]]

    use(Processed(1, [processor("MetadataExtraction", MetadataExtractionQuery=query, JsonParsingEngine="JQ-1.6")], more), work)


@pytest.mark.parametrize(
    "kind, parameters, words",
    [
        ("Lambda", {"LambdaArn": ARN + "unknown"}, "does not know the function"),
        ("MetadataExtraction", {"MetadataExtractionQuery": "{k:.a}", "JsonParsingEngine": "JQ-1.6"}, "Partitioning"),
        ("Decompression", {"CompressionFormat": "ZIP"}, "must be GZIP"),
    ],
)
def test_what_does_not_run_is_refused(kind, parameters, words):
    def work(t):
        code, message = refused(t.make)
        assert code == "InvalidArgumentException" and words in message

    use(Processed(1, [processor(kind, **parameters)], {}), work)
