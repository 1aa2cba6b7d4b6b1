"""s3_server.py: a real S3 server that verifies signatures: versitygw (s3_program.py), with its POSIX backend.

It can be killed and started again on its folder and port, as it is in the torture.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import boto3
import botocore.exceptions
from botocore.config import Config
from s3_program import program
from server import free_port
from streams import until

ACCESS_KEY, SECRET_KEY = "torture", "a secret that is checked"
READY_SECONDS = 60


class S3Server:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-s3-"))
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        (self.folder / "data").mkdir(exist_ok=True)
        words = [program(), "--quiet", "--access", ACCESS_KEY, "--secret", SECRET_KEY]
        words += ["--port", f"127.0.0.1:{self.port}", "posix", str(self.folder / "data")]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                words, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def client(self, secret=SECRET_KEY):
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=secret,
            config=Config(retries={"max_attempts": 8}, s3={"addressing_style": "path"}),
        )

    def make_bucket(self, name):
        def made():
            try:
                return self.client().create_bucket(Bucket=name)
            except botocore.exceptions.EndpointConnectionError:  # it starts
                return None

        until(made, READY_SECONDS, "an S3 server that answers")

    def objects(self, bucket):
        """Name and bytes of each."""
        s3 = self.client()
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for item in page.get("Contents", []):
                yield item["Key"], s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()

    def close(self):
        if self.process:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
