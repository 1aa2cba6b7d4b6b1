"""test_s3.py: what S3 refuses is told and tried again; where credentials come from; how objects are compressed."""

import io
import pathlib
import zipfile

import pytest
import streams
from s3_server import ACCESS_KEY, SECRET_KEY, S3Server
from server import Server
from torture import ROLE, call_ours

LINES = [b"line %d\n" % i for i in range(200)]


@pytest.fixture(scope="module")
def s3():
    server = S3Server().start()
    server.make_bucket("there")
    yield server
    server.close()


def deliver(server, name, bucket, **more):
    """A delivery stream with LINES in it."""
    firehose = streams.client(server.endpoint, service="firehose")
    firehose.create_delivery_stream(
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE,
            "BucketARN": f"arn:aws:s3:::{bucket}",
            "Prefix": f"{name}/",
            **more,
        },
    )
    streams.wait_delivering(firehose, name)
    firehose.put_record_batch(DeliveryStreamName=name, Records=[{"Data": d} for d in LINES])


def flushed(server, name, seconds=20):
    status, answer = call_ours(server, "FlushDeliveryStream", name, seconds)
    return status, answer.decode()


def bodies(s3, bucket, prefix):
    return {key: body for key, body in s3.objects(bucket) if key.startswith(prefix)}


@pytest.fixture(scope="module")
def server(s3):
    flags = [f"--s3-endpoint={s3.endpoint}", f"--s3-access-key={ACCESS_KEY}"]
    server = Server(flags=flags, env={"SLUICE_S3_SECRET_KEY": SECRET_KEY}).start()
    yield server
    server.stop()


def test_a_bucket_that_is_not_there_is_told_and_waited_for(s3, server):
    deliver(server, "waits", "later")
    status, answer = flushed(server, "waits", 1)
    assert status == 400 and "S3.NoSuchBucket" in answer, answer
    s3.make_bucket("later")
    assert flushed(server, "waits")[0] == 200
    assert b"".join(bodies(s3, "later", "waits/").values()) == b"".join(LINES)


def test_a_wrong_secret_is_told_and_not_shown(s3):
    flags = [f"--s3-endpoint={s3.endpoint}", f"--s3-access-key={ACCESS_KEY}"]
    server = Server(flags=flags, env={"SLUICE_S3_SECRET_KEY": "not-the-secret"}).start()
    deliver(server, "wrong", "there")
    status, answer = flushed(server, "wrong", 1)
    assert status == 400 and "S3.SignatureDoesNotMatch" in answer, answer
    server.stop()
    assert "not-the-secret" not in server.stderr + answer
    assert not bodies(s3, "there", "wrong/")


def test_credentials_come_from_the_file_of_the_aws_cli(s3, tmp_path):
    file = pathlib.Path(tmp_path) / "credentials"
    file.write_text(f"[p]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n")
    env = {"AWS_SHARED_CREDENTIALS_FILE": str(file), "AWS_PROFILE": "p", "AWS_ACCESS_KEY_ID": ""}
    server = Server(flags=[f"--s3-endpoint={s3.endpoint}"], env=env).start()
    deliver(server, "file", "there")
    assert flushed(server, "file")[0] == 200
    assert b"".join(bodies(s3, "there", "file/").values()) == b"".join(LINES)
    server.stop()


def test_a_zip_opens(s3, server):
    deliver(server, "zipped", "there", CompressionFormat="ZIP")
    assert flushed(server, "zipped")[0] == 200
    ((key, body),) = bodies(s3, "there", "zipped/").items()
    assert key.endswith(".zip")
    with zipfile.ZipFile(io.BytesIO(body)) as z:
        assert z.testzip() is None
        assert z.read("zipped") == b"".join(LINES)


def test_names_follow_zone_extension_and_prefix(s3, server):
    deliver(
        server,
        "named",
        "there",
        Prefix="named/a b+c/!{timestamp:yyyy'-'xxx}/!{firehose:random-string}/",
        ErrorOutputPrefix="e/!{firehose:error-output-type}/",
        CustomTimeZone="Asia/Kathmandu",
        FileExtension=".txt",
    )
    assert flushed(server, "named")[0] == 200
    (key,) = bodies(s3, "there", "named/a b+c/")
    assert "-+05:45/" in key and key.endswith(".txt"), key


def test_records_that_are_encrypted_in_the_log_arrive_as_they_were_put(s3, server):
    firehose = streams.client(server.endpoint, service="firehose")
    deliver(server, "sealed", "there")
    firehose.start_delivery_stream_encryption(
        DeliveryStreamName="sealed",
        DeliveryStreamEncryptionConfigurationInput={"KeyType": "AWS_OWNED_CMK"},
    )
    while encryption_of(firehose, "sealed") != "ENABLED":
        pass
    got = firehose.put_record_batch(DeliveryStreamName="sealed", Records=[{"Data": d} for d in LINES])
    assert got["Encrypted"]
    assert flushed(server, "sealed")[0] == 200
    assert b"".join(bodies(s3, "there", "sealed/").values()) == b"".join(LINES + LINES)


def encryption_of(firehose, name):
    found = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    return found["DeliveryStreamEncryptionConfiguration"]["Status"]
