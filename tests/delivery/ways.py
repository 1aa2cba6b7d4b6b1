"""ways.py: the ways that torture.py sends records: as they are, into partitions by jq, through a transform that keeps nine of ten.

A way makes the line of a record, reads it back out of an object, and says where it must be and whether it is kept at all."""

import base64
import json
import sys
import zlib

PARTITIONS = 50
ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


def processor(kind, **parameters):
    given = [{"ParameterName": n, "ParameterValue": v} for n, v in parameters.items()]
    return {"Type": kind, "Parameters": given}


def processed(*processors):
    return {"ProcessingConfiguration": {"Enabled": True, "Processors": list(processors)}}


class Plain:
    prefix = "in/!{timestamp:yyyy-MM-dd}/"
    configuration, transforms, smallest_mib = {}, {}, 1

    def line(self, number, text):
        return b"%d %08x " % (number, zlib.crc32(text)) + text + b"\n"

    def read(self, line):
        """Its number; the text must be the one that was put."""
        number, crc, text = line.split(b" ", 2)
        assert int(crc, 16) == zlib.crc32(text), f"record {number} is not as it was put"
        return int(number)

    def folder(self, number):
        return "in/"

    def kept(self, number):
        return True


class Partitioned(Plain):
    """JSON records of 50 customers, each in a folder of its own."""

    prefix = "in/!{partitionKeyFromQuery:customer}/"
    configuration = {"DynamicPartitioningConfiguration": {"Enabled": True}} | processed(
        processor("MetadataExtraction", MetadataExtractionQuery="{customer: .customer}", JsonParsingEngine="JQ-1.6"),
        processor("AppendDelimiterToRecord"),
    )
    smallest_mib = 64

    def line(self, number, text):
        inner = super().line(number, text)[:-1].decode("latin-1")
        return json.dumps({"customer": f"c{number % PARTITIONS}", "inner": inner}).encode()

    def read(self, line):
        found = json.loads(line)
        number = super().read(found["inner"].encode("latin-1"))
        assert found["customer"] == f"c{number % PARTITIONS}"
        return number

    def folder(self, number):
        return f"in/c{number % PARTITIONS}/"


# Drops each tenth record by its number, and puts a mark before the others.
TENTH = """
import base64, json, sys
for line in sys.stdin:
    record = json.loads(line)
    text = base64.b64decode(record["data"])
    drop = int(text.split(b" ", 1)[0]) % 10 == 0
    answer = {"recordId": record["recordId"], "result": "Dropped" if drop else "Ok"}
    answer["data"] = base64.b64encode(b"kept " + text).decode()
    print(json.dumps(answer), flush=True)
"""


class Transformed(Plain):
    configuration = processed(processor("Lambda", LambdaArn=ARN + "tenth"))
    transforms = {"tenth": {"command": [sys.executable, "-c", TENTH]}}

    def read(self, line):
        assert line.startswith(b"kept "), line[:80]
        return super().read(line[5:])

    def kept(self, number):
        return number % 10 != 0


WAYS = {"plain": Plain, "partitions": Partitioned, "transform": Transformed}
