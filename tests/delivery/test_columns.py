"""test_columns.py: JSON records as Parquet and ORC files in a real S3 server, read back by Apache Arrow."""

import base64
import datetime
import decimal
import io
import json
import pathlib
import sys

import pytest
import streams
from s3_server import ACCESS_KEY, SECRET_KEY, S3Server
from server import Server
from torture import ROLE, call_ours

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += map(str, ROOT.glob("build/arrow/lib/python3*/site-packages"))  # where ./dev put it
import pyarrow.orc  # noqa: E402
import pyarrow.parquet  # noqa: E402

COLUMNS = {
    "id": "bigint",
    "small": "smallint",
    "name": "string",
    "code": "varchar(3)",
    "price": "decimal(10,2)",
    "ratio": "double",
    "fine": "boolean",
    "day": "date",
    "at": "timestamp",
    "tags": "array<string>",
    "counts": "map<string,int>",
    "who": "struct<first:string,age:int>",
}


def table(name, columns):
    described = [{"Name": n, "Type": t} for n, t in columns.items()]
    return {"DatabaseName": "db", "Name": name, "VersionId": "0", "StorageDescriptor": {"Columns": described}}


@pytest.fixture(scope="module")
def s3():
    server = S3Server().start()
    server.make_bucket("columns")
    yield server
    server.close()


@pytest.fixture(scope="module")
def server(s3, tmp_path_factory):
    file = tmp_path_factory.mktemp("tables") / "tables.json"
    file.write_text(json.dumps({"TableList": [table("events", COLUMNS), table("narrow", {"id": "int"})]}))
    flags = [f"--s3-endpoint={s3.endpoint}", f"--s3-access-key={ACCESS_KEY}", f"--tables={file}"]
    server = Server(flags=flags, env={"SLUICE_S3_SECRET_KEY": SECRET_KEY}).start()
    yield server
    server.stop()


def conversion(serializer, deserializer=None, **schema):
    return {
        "SchemaConfiguration": {"RoleARN": ROLE, "DatabaseName": "db", "TableName": "events", "Region": "us-east-1"}
        | schema,
        "InputFormatConfiguration": {"Deserializer": deserializer or {"OpenXJsonSerDe": {}}},
        "OutputFormatConfiguration": {"Serializer": serializer},
    }


def make(server, name, converted, **more):
    firehose = streams.client(server.endpoint, service="firehose")
    destination = {
        "RoleARN": ROLE,
        "BucketARN": "arn:aws:s3:::columns",
        "Prefix": f"{name}/",
        "ErrorOutputPrefix": f"{name}-errors/!{{firehose:error-output-type}}/",
        "DataFormatConversionConfiguration": converted,
    }
    firehose.create_delivery_stream(
        DeliveryStreamName=name, ExtendedS3DestinationConfiguration=destination | more
    )
    streams.wait_delivering(firehose, name)
    return firehose


def deliver(server, firehose, name, records):
    for begin in range(0, len(records), 500):
        batch = [{"Data": r if isinstance(r, bytes) else json.dumps(r).encode()} for r in records[begin : begin + 500]]
        assert firehose.put_record_batch(DeliveryStreamName=name, Records=batch)["FailedPutCount"] == 0
    status, answer = call_ours(server, "FlushDeliveryStream", name, 30)
    assert status == 200, answer


def objects(s3, prefix):
    return {key: body for key, body in s3.objects("columns") if key.startswith(prefix)}


READERS = {"parquet": pyarrow.parquet.read_table, "orc": pyarrow.orc.read_table}


def rows(s3, prefix, kind):
    found = []
    for key, body in objects(s3, prefix).items():
        assert key.endswith("." + kind), key
        found += READERS[kind](io.BytesIO(body)).to_pylist()
    return found


def event(n):
    return {
        "ID": n,
        "small": n % 100,
        "name": f"name {n} ü",
        "code": "abcdef",
        "price": f"{n}.25",
        "ratio": n / 4,
        "fine": n % 2 == 0,
        "day": "2026-11-26",
        "at": f"2026-11-26 07:00:{n % 60:02}.5",
        "tags": ["a", None, str(n)],
        "counts": {"one": 1, "n": n},
        "who": {"First": "Ada", "age": 36, "nobody asks": 1},
        "passed over": {},
    }


def expected(n):
    return {
        "id": n,
        "small": n % 100,
        "name": f"name {n} ü",
        "code": "abc",
        "price": decimal.Decimal(f"{n}.25"),
        "ratio": n / 4,
        "fine": n % 2 == 0,
        "day": datetime.date(2026, 11, 26),
        "at": datetime.datetime(2026, 11, 26, 7, 0, n % 60, 500000),
        "tags": ["a", None, str(n)],
        "counts": [("one", 1), ("n", n)],
        "who": {"first": "Ada", "age": 36},
    }


SERIALIZERS = {
    "parquet": [
        {"ParquetSerDe": {}},
        {"ParquetSerDe": {"Compression": "GZIP", "EnableDictionaryCompression": True, "WriterVersion": "V2"}},
        {"ParquetSerDe": {"Compression": "UNCOMPRESSED", "PageSizeBytes": 65536}},
    ],
    "orc": [
        {"OrcSerDe": {}},
        {"OrcSerDe": {"Compression": "ZLIB", "BloomFilterColumns": ["name"], "RowIndexStride": 1000}},
        {"OrcSerDe": {"Compression": "NONE", "DictionaryKeyThreshold": 0.8}},
    ],
}


@pytest.mark.parametrize("kind, n", [(kind, n) for kind in SERIALIZERS for n in range(3)])
def test_each_type_is_read_back(s3, server, kind, n):
    name = f"{kind}-{n}"
    firehose = make(server, name, conversion(SERIALIZERS[kind][n]))
    deliver(server, firehose, name, [event(i) for i in range(10000)])
    found = rows(s3, name + "/", kind)
    for row in found:  # readers differ in whether a time without a zone is UTC's
        row["at"] = row["at"].replace(tzinfo=None)
    assert sorted(found, key=lambda r: r["id"]) == [expected(i) for i in range(10000)]
    assert not objects(s3, name + "-errors/")


def test_snappy_is_the_default_and_pages_say_so(s3, server):
    firehose = make(server, "snappy", conversion({"ParquetSerDe": {}}))
    deliver(server, firehose, "snappy", [event(1)])
    (body,) = objects(s3, "snappy/").values()
    described = pyarrow.parquet.ParquetFile(io.BytesIO(body)).metadata.row_group(0).column(0)
    assert described.compression == "SNAPPY"


def test_what_is_absent_is_null_and_several_objects_are_several_rows(s3, server):
    firehose = make(server, "nulls", conversion({"ParquetSerDe": {}}))
    deliver(server, firehose, "nulls", [b'{"id":1}{"id":2} {"id":3,"name":null}\n', b"{}"])
    found = rows(s3, "nulls/", "parquet")
    assert [r["id"] for r in found] == [1, 2, 3, None]
    assert all(v is None for r in found for k, v in r.items() if k != "id")


def test_what_does_not_fit_goes_to_the_error_output_in_awss_words(s3, server):
    firehose = make(server, "errors", conversion({"OrcSerDe": {}}, TableName="narrow", VersionId="0"))
    bad = [b"[1]", b'{"id":"x"}', b'{"id":3000000000}', b'{"id":1}{"id":', b"not JSON"]
    deliver(server, firehose, "errors", [b'{"id":7}', *bad, b'{"id":8}'])
    assert [r["id"] for r in rows(s3, "errors/", "orc")] == [7, 8]
    (key,) = objects(s3, "errors-errors/")
    assert key.startswith("errors-errors/format-conversion-failed/")
    lines = [json.loads(line) for line in objects(s3, "errors-errors/")[key].splitlines()]
    assert [base64.b64decode(line["rawData"]) for line in lines] == bad
    parse, malformed = "DataFormatConversion.ParseError", "DataFormatConversion.MalformedData"
    assert [line["lastErrorCode"] for line in lines] == [parse, malformed, malformed, parse, parse]
    assert lines[1]["lastErrorMessage"] == "The value of column id is not of its type."
    assert lines[0]["dataCatalogTable"]["tableName"] == "narrow" and lines[0]["dataCatalogTable"]["versionId"] == "0"


def test_keys_are_mapped_and_times_read_by_hives_formats(s3, server):
    mapped = {"OpenXJsonSerDe": {"ConvertDotsInJsonKeysToUnderscores": True, "ColumnToJsonKeyMappings": {"name": "a_b"}}}
    firehose = make(server, "mapped", conversion({"ParquetSerDe": {}}, mapped))
    deliver(server, firehose, "mapped", [{"a.b": "dots", "at": 1700000000000}, {"A_B": "line", "at": 1700000000}])
    found = rows(s3, "mapped/", "parquet")
    assert [r["name"] for r in found] == ["dots", "line"]
    assert [r["at"] for r in found] == [datetime.datetime(2023, 11, 14, 22, 13, 20)] * 2
    hive = {"HiveJsonSerDe": {"TimestampFormats": ["dd/MMM/yyyy hh:mm a", "millis"]}}
    firehose = make(server, "hive", conversion({"ParquetSerDe": {}}, hive))
    deliver(server, firehose, "hive", [{"at": "26/Nov/2026 07:05 PM"}, {"at": 1700000000123}])
    found = rows(s3, "hive/", "parquet")
    assert [r["at"] for r in found] == [
        datetime.datetime(2026, 11, 26, 19, 5),
        datetime.datetime(2023, 11, 14, 22, 13, 20, 123000),
    ]


@pytest.mark.parametrize(
    "converted, more, words",
    [
        (conversion({"ParquetSerDe": {}}, TableName="nowhere"), {}, "does not know the table"),
        (conversion({"ParquetSerDe": {}}, VersionId="9"), {}, "does not know the table"),
        (conversion({"ParquetSerDe": {}, "OrcSerDe": {}}), {}, "exactly one Serializer"),
        (conversion({}), {}, "exactly one Serializer"),
        (conversion({"ParquetSerDe": {}}, {"HiveJsonSerDe": {"TimestampFormats": ["qqq"]}}), {}, "cannot be read"),
        (conversion({"OrcSerDe": {"BloomFilterColumns": ["nothing"]}}), {}, "has no column nothing"),
        (conversion({"ParquetSerDe": {}}), {"CompressionFormat": "GZIP"}, "must be UNCOMPRESSED"),
        (
            conversion({"ParquetSerDe": {}}),
            {"BufferingHints": {"SizeInMBs": 32, "IntervalInSeconds": 60}},
            "at least 64",
        ),
    ],
)
def test_what_does_not_run_is_refused(server, converted, more, words):
    firehose = streams.client(server.endpoint, service="firehose")
    destination = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::columns", "DataFormatConversionConfiguration": converted}
    code, message = streams.refused(
        firehose.create_delivery_stream,
        DeliveryStreamName="refused",
        ExtendedS3DestinationConfiguration=destination | more,
    )
    assert code == "InvalidArgumentException" and words in message, message


def test_an_object_is_the_same_after_a_restart(s3, tmp_path):
    """The bucket comes late, so that the server is killed with a file under way: it is made anew from the log."""
    file = tmp_path / "tables.json"
    file.write_text(json.dumps({"TableList": [table("events", COLUMNS)]}))
    flags = [f"--s3-endpoint={s3.endpoint}", f"--s3-access-key={ACCESS_KEY}", f"--tables={file}"]
    server = Server(flags=flags, env={"SLUICE_S3_SECRET_KEY": SECRET_KEY}).start()
    firehose = make(server, "again", conversion({"ParquetSerDe": {}}), BucketARN="arn:aws:s3:::again")
    batch = [{"Data": json.dumps(event(n)).encode()} for n in range(500)]
    firehose.put_record_batch(DeliveryStreamName="again", Records=batch)
    status, answer = call_ours(server, "FlushDeliveryStream", "again", 1)
    assert status == 400 and b"NoSuchBucket" in answer
    file.write_text(json.dumps({"TableList": [table("events", {"id": "string"})]}))  # its columns stay as they were
    server.restart(kill=True)
    s3.make_bucket("again")
    assert call_ours(server, "FlushDeliveryStream", "again", 30)[0] == 200
    found = [
        row
        for _, body in s3.objects("again")
        for row in pyarrow.parquet.read_table(io.BytesIO(body)).to_pylist()
    ]
    assert [r["id"] for r in found] == list(range(500))
    server.stop()
