"""test_firehose_control.py: delivery streams as Terraform and the CDK handle them: made, shown, changed, tagged, encrypted, deleted; records put;
and all of it there again after a restart."""

import pytest
from botocore.exceptions import ClientError

import streams
from server import sluice

S3 = {"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::nowhere"}
S3_SHOWN = S3 | {
    "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300},
    "CompressionFormat": "UNCOMPRESSED",
    "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
    "CloudWatchLoggingOptions": {"Enabled": False},
}
BACKUP = S3 | {
    "Prefix": "backup/",
    "ErrorOutputPrefix": "backup-errors/",
    "BufferingHints": {"SizeInMBs": 7, "IntervalInSeconds": 60},
    "CompressionFormat": "GZIP",
    "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
    "CloudWatchLoggingOptions": {"Enabled": True, "LogGroupName": "g", "LogStreamName": "b"},
}
PROCESSING = {
    "Enabled": False,
    "Processors": [
        {
            "Type": "Lambda",
            "Parameters": [
                {"ParameterName": "LambdaArn", "ParameterValue": "arn:aws:lambda:us-east-1:000000000000:function:f"},
                {"ParameterName": "NumberOfRetries", "ParameterValue": "2"},
            ],
        },
        {"Type": "AppendDelimiterToRecord"},
    ],
}
LOGGING = {"Enabled": True, "LogGroupName": "/aws/kinesisfirehose/d", "LogStreamName": "DestinationDelivery"}
EXTENDED = S3 | {
    "Prefix": "in/!{timestamp:yyyy/MM/dd/HH/}",
    "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
    "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 900},
    "CompressionFormat": "UNCOMPRESSED",
    "EncryptionConfiguration": {
        "KMSEncryptionConfig": {"AWSKMSKeyARN": "arn:aws:kms:us-east-1:000000000000:key/5d7e2a11-0000-4000-8000-000000000001"}
    },
    "CloudWatchLoggingOptions": LOGGING,
    "ProcessingConfiguration": PROCESSING,
    "S3BackupMode": "Enabled",
    "DataFormatConversionConfiguration": {
        "Enabled": False,
        "SchemaConfiguration": {
            "RoleARN": S3["RoleARN"], "CatalogId": "1", "DatabaseName": "db", "TableName": "t", "Region": "us-east-1", "VersionId": "LATEST"
        },
        "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {"CaseInsensitive": True, "ColumnToJsonKeyMappings": {"a": "b"}}}},
        "OutputFormatConfiguration": {
            "Serializer": {"ParquetSerDe": {"Compression": "SNAPPY", "EnableDictionaryCompression": False, "PageSizeBytes": 65536}}
        },
    },
    "DynamicPartitioningConfiguration": {"Enabled": False, "RetryOptions": {"DurationInSeconds": 17}},
    "FileExtension": ".json",
    "CustomTimeZone": "Europe/Berlin",
}
HTTP = {
    "EndpointConfiguration": {"Url": "https://example.com/in", "Name": "example", "AccessKey": "a-secret"},
    "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 30},
    "CloudWatchLoggingOptions": LOGGING,
    "RequestConfiguration": {
        "ContentEncoding": "GZIP",
        "CommonAttributes": [{"AttributeName": "k", "AttributeValue": "v"}, {"AttributeName": "l", "AttributeValue": ""}],
    },
    "ProcessingConfiguration": PROCESSING,
    "RoleARN": S3["RoleARN"],
    "RetryOptions": {"DurationInSeconds": 60},
    "S3BackupMode": "AllData",
    "SecretsManagerConfiguration": {"Enabled": False},
}


def client(server):
    return streams.client(server.endpoint, service="firehose")


@pytest.fixture(scope="module")
def firehose(server):
    return client(server)


def describe(firehose, name):
    return firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]


def destination(firehose, name):
    (one,) = describe(firehose, name)["Destinations"]
    assert one.pop("DestinationId") == "destinationId-000000000001"
    return one


def update(firehose, name, **members):
    firehose.update_destination(
        DeliveryStreamName=name,
        CurrentDeliveryStreamVersionId=describe(firehose, name)["VersionId"],
        DestinationId="destinationId-000000000001",
        **members,
    )


def fails(code, call, **members):
    with pytest.raises(ClientError) as raised:
        call(**members)
    assert raised.value.response["Error"]["Code"] == code
    return raised.value.response["Error"]["Message"]


def test_create_describe_update_describe_tag_delete(firehose, new_name):
    name = new_name()[:60]
    arn = firehose.create_delivery_stream(DeliveryStreamName=name, ExtendedS3DestinationConfiguration=S3, Tags=[{"Key": "a", "Value": "1"}])
    shown = describe(firehose, name)
    assert arn["DeliveryStreamARN"] == shown["DeliveryStreamARN"] == f"arn:aws:firehose:us-east-1:000000000000:deliverystream/{name}"
    assert (shown["DeliveryStreamStatus"], shown["VersionId"]) == ("ACTIVE", "1")
    assert shown["DeliveryStreamEncryptionConfiguration"] == {"Status": "DISABLED"}
    assert destination(firehose, name) == {
        "S3DestinationDescription": S3_SHOWN,
        "ExtendedS3DestinationDescription": S3_SHOWN | {"S3BackupMode": "Disabled"},
    }
    update(firehose, name, ExtendedS3DestinationUpdate={"Prefix": "p/", "CompressionFormat": "GZIP"})
    after = S3_SHOWN | {"Prefix": "p/", "CompressionFormat": "GZIP"}
    assert describe(firehose, name)["VersionId"] == "2"
    assert destination(firehose, name)["ExtendedS3DestinationDescription"] == after | {"S3BackupMode": "Disabled"}
    firehose.tag_delivery_stream(DeliveryStreamName=name, Tags=[{"Key": "b", "Value": "2"}])
    firehose.untag_delivery_stream(DeliveryStreamName=name, TagKeys=["a"])
    assert firehose.list_tags_for_delivery_stream(DeliveryStreamName=name)["Tags"] == [{"Key": "b", "Value": "2"}]
    firehose.delete_delivery_stream(DeliveryStreamName=name)
    assert fails("ResourceNotFoundException", firehose.describe_delivery_stream, DeliveryStreamName=name) == (
        f"Firehose {name} under account 000000000000 not found."
    )


def test_every_member_of_an_extended_s3_destination_comes_back(firehose, new_name):
    name = new_name()[:60]
    firehose.create_delivery_stream(
        DeliveryStreamName=name, ExtendedS3DestinationConfiguration=EXTENDED | {"S3BackupConfiguration": BACKUP}
    )
    shown = destination(firehose, name)
    assert shown["ExtendedS3DestinationDescription"] == EXTENDED | {"S3BackupDescription": BACKUP}
    update(firehose, name, ExtendedS3DestinationUpdate=EXTENDED | {"S3BackupUpdate": BACKUP | {"Prefix": "other/"}})
    shown = destination(firehose, name)
    assert shown["ExtendedS3DestinationDescription"] == EXTENDED | {"S3BackupDescription": BACKUP | {"Prefix": "other/"}}
    firehose.delete_delivery_stream(DeliveryStreamName=name)


def test_every_member_of_an_http_endpoint_comes_back_but_its_secret(firehose, new_name):
    name = new_name()[:60]
    firehose.create_delivery_stream(DeliveryStreamName=name, HttpEndpointDestinationConfiguration=HTTP | {"S3Configuration": BACKUP})
    expected = HTTP | {"S3DestinationDescription": BACKUP, "EndpointConfiguration": {"Url": "https://example.com/in", "Name": "example"}}
    assert destination(firehose, name) == {"HttpEndpointDestinationDescription": expected}
    update(firehose, name, HttpEndpointDestinationUpdate={"RetryOptions": {"DurationInSeconds": 0}, "S3Update": {"Prefix": "x/"}})
    expected |= {"RetryOptions": {"DurationInSeconds": 0}, "S3DestinationDescription": BACKUP | {"Prefix": "x/"}}
    assert destination(firehose, name) == {"HttpEndpointDestinationDescription": expected}
    firehose.delete_delivery_stream(DeliveryStreamName=name)


def test_splunk_and_opensearch_show_their_defaults_and_no_token(firehose, new_name):
    name = new_name()[:60]
    firehose.create_delivery_stream(
        DeliveryStreamName=name,
        SplunkDestinationConfiguration={
            "HECEndpoint": "https://splunk:8088", "HECEndpointType": "Event", "HECToken": "a-secret", "S3Configuration": S3
        },
    )
    shown = destination(firehose, name)["SplunkDestinationDescription"]
    assert "HECToken" not in shown
    assert (shown["S3BackupMode"], shown["HECAcknowledgmentTimeoutInSeconds"]) == ("FailedEventsOnly", 180)
    firehose.delete_delivery_stream(DeliveryStreamName=name)
    firehose.create_delivery_stream(
        DeliveryStreamName=name,
        ElasticsearchDestinationConfiguration={
            "RoleARN": S3["RoleARN"], "ClusterEndpoint": "https://es", "IndexName": "i", "S3Configuration": S3
        },
    )
    shown = destination(firehose, name)["ElasticsearchDestinationDescription"]
    assert (shown["IndexRotationPeriod"], shown["RetryOptions"]) == ("OneDay", {"DurationInSeconds": 300})
    assert shown["S3DestinationDescription"] == S3_SHOWN
    firehose.delete_delivery_stream(DeliveryStreamName=name)


def test_encryption_is_on_from_its_answer_on(firehose, new_name):
    name = new_name()[:60]
    firehose.create_delivery_stream(
        DeliveryStreamName=name,
        S3DestinationConfiguration=S3,
        DeliveryStreamEncryptionConfigurationInput={"KeyType": "AWS_OWNED_CMK"},
    )
    encryption = lambda: describe(firehose, name)["DeliveryStreamEncryptionConfiguration"]
    put = lambda: firehose.put_record(DeliveryStreamName=name, Record={"Data": b"x"})["Encrypted"]
    assert (encryption(), put()) == ({"KeyType": "AWS_OWNED_CMK", "Status": "ENABLED"}, True)
    firehose.stop_delivery_stream_encryption(DeliveryStreamName=name)
    assert (encryption(), put()) == ({"Status": "DISABLED"}, False)
    firehose.start_delivery_stream_encryption(DeliveryStreamName=name)
    assert put()
    firehose.delete_delivery_stream(DeliveryStreamName=name)


def test_put_record_and_put_record_batch(firehose, new_name):
    name = new_name()[:60]
    firehose.create_delivery_stream(DeliveryStreamName=name, S3DestinationConfiguration=S3)
    got = firehose.put_record_batch(DeliveryStreamName=name, Records=[{"Data": b"%d" % i} for i in range(500)])
    assert (got["FailedPutCount"], got["Encrypted"]) == (0, False)
    ids = {entry["RecordId"] for entry in got["RequestResponses"]}
    ids.add(firehose.put_record(DeliveryStreamName=name, Record={"Data": b"a" * 1_024_000})["RecordId"])
    assert len(ids) == 501
    assert fails(
        "InvalidArgumentException", firehose.put_record_batch, DeliveryStreamName=name, Records=[{"Data": b"a" * 900_000}] * 5
    ) == ("Records size exceeds 4 MB limit")
    firehose.delete_delivery_stream(DeliveryStreamName=name)


def test_a_kinesis_source_must_be_there_and_takes_no_puts(firehose, stream, new_name):
    name = new_name()[:60]
    source = {"KinesisStreamARN": f"arn:aws:kinesis:us-east-1:000000000000:stream/{stream}", "RoleARN": S3["RoleARN"]}
    members = {"DeliveryStreamType": "KinesisStreamAsSource", "S3DestinationConfiguration": S3}
    firehose.create_delivery_stream(DeliveryStreamName=name, KinesisStreamSourceConfiguration=source, **members)
    shown = describe(firehose, name)["Source"]["KinesisStreamSourceDescription"]
    assert abs((shown.pop("DeliveryStartTimestamp") - describe(firehose, name)["CreateTimestamp"]).total_seconds()) < 1
    assert shown == source
    assert fails("InvalidArgumentException", firehose.put_record, DeliveryStreamName=name, Record={"Data": b""}) == (
        "This operation is not permitted on KinesisStreamAsSource delivery stream type."
    )
    firehose.delete_delivery_stream(DeliveryStreamName=name)
    source["KinesisStreamARN"] += "-not"
    fails("ResourceNotFoundException", firehose.create_delivery_stream, DeliveryStreamName=name, KinesisStreamSourceConfiguration=source, **members)


def test_a_restart_keeps_all(new_server):
    server = new_server()
    firehose = client(server)
    firehose.create_delivery_stream(
        DeliveryStreamName="d", ExtendedS3DestinationConfiguration=EXTENDED | {"S3BackupConfiguration": BACKUP}, Tags=[{"Key": "k", "Value": "ä"}]
    )
    firehose.put_record(DeliveryStreamName="d", Record={"Data": b"x"})
    firehose.start_delivery_stream_encryption(DeliveryStreamName="d")
    before = describe(firehose, "d")
    for kill in (False, True):
        server.restart(kill=kill)
        firehose = client(server)
        assert describe(firehose, "d") == before
        assert firehose.list_tags_for_delivery_stream(DeliveryStreamName="d")["Tags"] == [{"Key": "k", "Value": "ä"}]
        assert firehose.put_record(DeliveryStreamName="d", Record={"Data": b"x"})["Encrypted"]
    firehose.delete_delivery_stream(DeliveryStreamName="d")
    server.restart(kill=True)
    assert client(server).list_delivery_streams()["DeliveryStreamNames"] == []


def test_plain_http_endpoints_are_for_a_named_switch_alone(new_server, firehose, new_name):
    plain = {
        "EndpointConfiguration": {"Url": "http://127.0.0.1:9/in"},
        "S3Configuration": S3,
    }
    message = fails(
        "ValidationException", firehose.create_delivery_stream, DeliveryStreamName=new_name()[:60], HttpEndpointDestinationConfiguration=plain
    )
    assert "Member must satisfy regular expression pattern: https://.*" in message
    own = client(new_server("--delivery-plain-http"))
    own.create_delivery_stream(DeliveryStreamName="d", HttpEndpointDestinationConfiguration=plain)


def test_its_secret_is_in_no_printed_configuration():
    said = sluice("serve", "--print-config", "--s3-access-key", "AKIA", env={"SLUICE_S3_SECRET_KEY": "never-told"})
    assert "AKIA" in said.stdout and "never-told" not in said.stdout + said.stderr and "secret" not in said.stdout
