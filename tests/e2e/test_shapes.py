"""test_shapes.py: every operation that is served answers in the shape that botocore's model gives it, without a warning from Python, boto3 or
botocore. tour.py calls each; shapes.py looks at them, here and in every other test."""

import logging

import botocore.session
import pytest

import shapes
import tour
from streams import client

pytestmark = pytest.mark.filterwarnings("error")


def test_every_operation_answers_in_its_shape(new_server, new_name, caplog):
    caplog.set_level(logging.WARNING)
    seen = tour.take(client(new_server().endpoint), new_name())
    assert tour.SERVED - tour.EVENT_STREAMS == seen
    assert [record.getMessage() for record in caplog.records] == []


MODEL = botocore.session.get_session().get_service_model("kinesis")
PUT = {"ShardId": "shardId-000000000000", "SequenceNumber": "1", "EncryptionType": "NONE"}


@pytest.mark.parametrize(
    "change, words",
    [
        ({}, None),
        ({"More": 1}, "has no member More"),
        ({"ShardId": 7}, "is no string"),
        ({"ShardId": ""}, "is not like"),
        ({"ShardId": "x" * 129}, "129 is not within"),
        ({"EncryptionType": "ROT13"}, "is none of"),
        ({"SequenceNumber": None}, "is no string"),
    ],
)
def test_a_wrong_answer_is_seen(change, words):
    shape = MODEL.operation_model("PutRecord").output_shape
    found = shapes.complaints(shape, {**PUT, **change}, "PutRecord")
    assert (words is None and found == []) or (len(found) == 1 and words in found[0]), found


def test_a_wrong_answer_within_others_is_seen():
    shape = MODEL.operation_model("GetRecords").output_shape
    record = {"SequenceNumber": "1", "Data": "aGk=", "PartitionKey": "k", "ApproximateArrivalTimestamp": 1.5}
    wrong = [
        {**record, "Data": "?"},
        {**record, "ApproximateArrivalTimestamp": "now"},
        {name: value for name, value in record.items() if name != "SequenceNumber"},
        "record",
    ]
    assert shapes.complaints(shape, {"Records": [record], "MillisBehindLatest": 0}, "x") == []
    found = shapes.complaints(shape, {"Records": wrong, "MillisBehindLatest": True}, "x")
    assert [line.split(":")[0] for line in found] == [
        "x.Records[0].Data",
        "x.Records[1].ApproximateArrivalTimestamp",
        "x.Records[2]",
        "x.Records[3]",
        "x.MillisBehindLatest",
    ]
    assert shapes.complaints(shape, {}, "x") == ["x: Records is missing"]
