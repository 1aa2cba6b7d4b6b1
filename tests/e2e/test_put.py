"""test_put.py: PutRecord and PutRecords."""

import concurrent.futures
import hashlib
import os

import pytest

from server import ACCOUNT
from streams import hash_range, key_hash, open_shards, read_shard, read_stream, refused, shards
from wire import b64, call

MIB = 1 << 20


def test_a_put_answers_shard_and_sequence_number_and_no_more(server, stream):
    status, got = call(
        server, "PutRecord", {"StreamName": stream, "Data": b64("x"), "PartitionKey": "k"}
    )
    assert status == 200 and set(got) == {"SequenceNumber", "ShardId"}
    status, got = call(
        server,
        "PutRecords",
        {"StreamName": stream, "Records": [{"Data": b64("x"), "PartitionKey": "k"}]},
    )
    assert status == 200 and set(got) == {"FailedRecordCount", "Records"}
    assert got["FailedRecordCount"] == 0 and set(got["Records"][0]) == {"SequenceNumber", "ShardId"}


def test_keys_go_to_the_shards_that_aws_sends_them_to(kinesis, make_stream):
    name = make_stream(shards=3)
    for key, index in (("a", 0), ("b", 1), ("e", 2), ("f", 1)):
        put = kinesis.put_record(StreamName=name, Data=b"x", PartitionKey=key)
        assert put["ShardId"] == f"shardId-{index:012d}"


def test_every_key_goes_where_its_md5_says(kinesis, make_stream):
    name = make_stream(shards=5)
    ranges = {s["ShardId"]: hash_range(s) for s in shards(kinesis, name)}
    keys = ["é", "日本語", "\U0001f600", " ", "x" * 256, "\n", '"', "\\"] + [
        f"key-{n}" for n in range(200)
    ]
    put = kinesis.put_records(
        StreamName=name, Records=[{"Data": b"x", "PartitionKey": k} for k in keys]
    )
    for key, entry in zip(keys, put["Records"]):
        low, high = ranges[entry["ShardId"]]
        assert low <= key_hash(key) <= high, key
    back = [r["PartitionKey"] for records in read_stream(kinesis, name).values() for r in records]
    assert sorted(back) == sorted(keys)


def test_an_explicit_hash_key_overrides_the_key(kinesis, make_stream):
    name = make_stream(shards=2)
    half = 2**127
    for number, index in ((0, 0), (half - 1, 0), (half, 1), (2**128 - 1, 1)):
        put = kinesis.put_record(
            StreamName=name, Data=b"x", PartitionKey="k", ExplicitHashKey=str(number)
        )
        assert put["ShardId"] == f"shardId-{index:012d}"


@pytest.mark.parametrize("number", [2**128, 10**39 - 1])
def test_an_explicit_hash_key_out_of_range_fails_the_whole_call(kinesis, stream, number):
    words = (
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
        f"Specified value was {number}"
    )
    bad = {"Data": b"x", "PartitionKey": "k", "ExplicitHashKey": str(number)}
    good = {"Data": b"x", "PartitionKey": "k"}
    assert refused(kinesis.put_record, StreamName=stream, **bad) == (
        "InvalidArgumentException",
        words,
    )
    assert refused(kinesis.put_records, StreamName=stream, Records=[good, bad]) == (
        "InvalidArgumentException",
        words,
    )
    assert read_shard(kinesis, stream, "0") == []


def test_sequence_numbers_grow_within_a_shard(kinesis, stream):
    numbers = []
    for n in range(20):
        numbers.append(
            int(
                kinesis.put_record(StreamName=stream, Data=b"x", PartitionKey=str(n))[
                    "SequenceNumber"
                ]
            )
        )
        put = kinesis.put_records(
            StreamName=stream, Records=[{"Data": b"y", "PartitionKey": "k"}] * 3
        )
        numbers += [int(r["SequenceNumber"]) for r in put["Records"]]
    assert numbers == sorted(set(numbers))
    start = int(shards(kinesis, stream)[0]["SequenceNumberRange"]["StartingSequenceNumber"])
    assert numbers[0] > start


def test_a_sequence_number_tells_shard_and_time(kinesis, make_stream):
    name = make_stream(shards=3)
    put = kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="e")
    digits = f"{int(put['SequenceNumber']):x}"
    assert len(digits) == 47 and digits[0] == "2" and digits[-1] == "2"
    assert int(digits[38:46], 16) == 2
    record = read_shard(kinesis, name, put["ShardId"])[0]
    arrived = record["ApproximateArrivalTimestamp"].timestamp()
    assert 0 <= arrived - int(digits[29:38], 16) <= 3


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 100, 4095, 4096, 65537, MIB - 1])
def test_data_of_any_size_comes_back_byte_for_byte(kinesis, stream, size):
    data = os.urandom(size)
    put = kinesis.put_record(StreamName=stream, Data=data, PartitionKey="k")
    record = read_shard(kinesis, stream, put["ShardId"])[0]
    assert record["Data"] == data and record["PartitionKey"] == "k"
    assert record["SequenceNumber"] == put["SequenceNumber"]


def test_all_byte_values_come_back(kinesis, stream):
    data = bytes(range(256)) * 5
    kinesis.put_records(
        StreamName=stream, Records=[{"Data": data[n:], "PartitionKey": "k"} for n in range(300)]
    )
    assert [r["Data"] for r in read_shard(kinesis, stream, "0")] == [data[n:] for n in range(300)]


def test_five_hundred_records_in_one_call_keep_their_order(kinesis, stream):
    records = [{"Data": f"{n}".encode(), "PartitionKey": f"k{n % 7}"} for n in range(500)]
    put = kinesis.put_records(StreamName=stream, Records=records)
    assert put["FailedRecordCount"] == 0 and len(put["Records"]) == 500
    back = read_shard(kinesis, stream, "0")
    assert [r["Data"] for r in back] == [r["Data"] for r in records]
    assert [r["SequenceNumber"] for r in back] == [r["SequenceNumber"] for r in put["Records"]]


def test_ten_mebibytes_in_one_call_are_taken(kinesis, make_stream):
    name = make_stream(shards=4)
    piece = os.urandom(MIB - 16)
    put = kinesis.put_records(
        StreamName=name, Records=[{"Data": piece, "PartitionKey": str(n)} for n in range(10)]
    )
    assert put["FailedRecordCount"] == 0
    back = [r for records in read_stream(kinesis, name).values() for r in records]
    assert sorted(r["PartitionKey"] for r in back) == [str(n) for n in range(10)]
    digest = hashlib.sha256(piece).digest()
    assert all(hashlib.sha256(r["Data"]).digest() == digest for r in back)


def test_more_than_ten_mebibytes_in_one_call_are_refused(kinesis, stream):
    piece = b"x" * (MIB - 16)
    code, words = refused(
        kinesis.put_records,
        StreamName=stream,
        Records=[{"Data": piece, "PartitionKey": str(n)} for n in range(11)],
    )
    assert (code, words) == ("InvalidArgumentException", "Records size exceeds 10 MB limit")
    assert read_shard(kinesis, stream, "0") == []


def test_a_record_of_exactly_the_maximum_is_taken_and_one_byte_more_is_not(kinesis, stream):
    most = MIB - len("k")
    assert kinesis.put_record(StreamName=stream, Data=b"x" * most, PartitionKey="k")[
        "SequenceNumber"
    ]
    code, _ = refused(
        kinesis.put_record, StreamName=stream, Data=b"x" * (most + 1), PartitionKey="k"
    )
    assert code in ("InvalidArgumentException", "ValidationException")
    assert [len(r["Data"]) for r in read_shard(kinesis, stream, "0")] == [most]


def test_an_oversized_record_among_others_fails_alone(kinesis, stream):
    put = kinesis.put_records(
        StreamName=stream,
        Records=[
            {"Data": b"before", "PartitionKey": "k"},
            {"Data": b"x" * (MIB + 1), "PartitionKey": "k"},
            {"Data": b"after", "PartitionKey": "k"},
        ],
    )
    assert put["FailedRecordCount"] == 1
    assert set(put["Records"][1]) == {"ErrorCode", "ErrorMessage"}
    assert "SequenceNumber" in put["Records"][0] and "SequenceNumber" in put["Records"][2]
    assert [r["Data"] for r in read_shard(kinesis, stream, "0")] == [b"before", b"after"]


def test_a_stream_for_large_records_takes_them(kinesis, make_stream):
    name = make_stream(MaxRecordSizeInKiB=10240)
    data = os.urandom(10 * MIB - 1)
    put = kinesis.put_record(StreamName=name, Data=data, PartitionKey="k")
    at = read_shard(kinesis, name, put["ShardId"])
    assert len(at) == 1 and at[0]["Data"] == data
    code, _ = refused(kinesis.put_record, StreamName=name, Data=data + b"x", PartitionKey="k")
    assert code in ("InvalidArgumentException", "ValidationException")


def test_sequence_numbers_for_ordering_are_checked(kinesis, stream):
    first = kinesis.put_record(StreamName=stream, Data=b"1", PartitionKey="k")["SequenceNumber"]
    second = kinesis.put_record(
        StreamName=stream, Data=b"2", PartitionKey="k", SequenceNumberForOrdering=first
    )
    assert int(second["SequenceNumber"]) > int(first)
    number = "99999999999999999999999999999999999999999999999999999999"
    assert refused(
        kinesis.put_record,
        StreamName=stream,
        Data=b"3",
        PartitionKey="k",
        SequenceNumberForOrdering=number,
    ) == (
        "InvalidArgumentException",
        f"ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream {stream} under account {ACCOUNT} "
        "is invalid.",
    )


def test_puts_from_many_at_once_are_each_stored_once(kinesis, make_stream):
    name = make_stream(shards=4)

    def put(writer):
        acknowledged = []
        for n in range(30):
            data = f"{writer}-{n}".encode()
            got = kinesis.put_record(StreamName=name, Data=data, PartitionKey=f"{writer}-{n}")
            acknowledged.append((got["ShardId"], got["SequenceNumber"], data))
        return acknowledged

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        expected = [a for many in pool.map(put, range(16)) for a in many]
    back = [
        (shard, r["SequenceNumber"], r["Data"])
        for shard, records in read_stream(kinesis, name).items()
        for r in records
    ]
    assert sorted(back) == sorted(expected)
    for records in read_stream(kinesis, name).values():
        numbers = [int(r["SequenceNumber"]) for r in records]
        assert numbers == sorted(numbers)


def test_base64_may_be_escaped_in_the_json(server, kinesis, stream):
    body = (
        '{"StreamName":"%s","PartitionKey":"\\u006b\\u00e9","Data":"QUJ\\u0044"}' % stream
    ).encode()
    assert call(server, "PutRecord", body)[0] == 200
    record = read_shard(kinesis, stream, open_shards(kinesis, stream)[0]["ShardId"])[0]
    assert record["Data"] == b"ABC" and record["PartitionKey"] == "ké"


def test_a_key_is_counted_in_characters(kinesis, stream):
    kinesis.put_record(StreamName=stream, Data=b"x", PartitionKey="\U0001f600" * 128)
    assert read_shard(kinesis, stream, "0")[0]["PartitionKey"] == "\U0001f600" * 128
