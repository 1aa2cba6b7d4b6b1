"""standins.py: the other implementations of Kinesis that can be installed, each as its makers' program starts: moto's server, kinesis-local.

They keep everything in memory, look at no signature, and each leaves something out: docs/SDK.md says what, test_standins.py shows it.
"""

import collections
import contextlib
import itertools
import os
import subprocess
import urllib.request

import boto3
import botocore.config

import streams
import toolchains
from server import REGION, free_port

names = itertools.count(1)
Program = collections.namedtuple("Program", "address pid")


@contextlib.contextmanager
def running(words, address, log, env=None, context=None):
    """The program's process, once it answers at the address, until the end."""
    with open(log, "w") as out:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env)

    def answers():
        assert process.poll() is None, f"{words[0]} ended with {process.returncode}: {log}"
        try:
            return urllib.request.urlopen(address, timeout=10, context=context).status == 200
        except OSError:
            return False

    try:
        streams.until(answers, words=f"an answer of {address}")
        yield process
    finally:
        process.kill()  # nothing of theirs outlives them; kinesis-local waits for its subscribers otherwise
        process.wait()


@contextlib.contextmanager
def moto(log, *tls, context=None):
    """moto's server, with all services."""
    port = free_port()
    address = f"http{'s' if tls else ''}://127.0.0.1:{port}"
    words = [toolchains.moto(), "-H", "127.0.0.1", "-p", str(port), *tls]
    with running(words, address, log, context=context) as process:
        yield Program(address, process.pid)


@contextlib.contextmanager
def kinesis_local(log):
    """kinesis-local with its own settings, but for the ports; at its plain address."""
    folder, plain, tls = toolchains.kinesis_local(), free_port(), free_port()
    env = os.environ | {
        "KINESIS_MOCK_PLAIN_PORT": str(plain),
        "KINESIS_MOCK_TLS_PORT": str(tls),
        "KINESIS_MOCK_CERT_PATH": str(folder / "server.json"),
    }
    address = f"http://127.0.0.1:{plain}"
    with running(["node", str(folder / "main.js")], f"{address}/healthcheck", log, env) as process:
        yield Program(address, process.pid)


class StandIn:
    """One of them at work: its name, its address, and boto3 to look at what it holds."""

    def __init__(self, name, endpoint):
        self.name, self.endpoint = name, endpoint
        self.kinesis = boto3.session.Session().client(
            "kinesis",
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id="dev",
            aws_secret_access_key="dev",
            config=botocore.config.Config(retries={"total_max_attempts": 1}),
        )

    def stream(self, shards):
        """A new stream's name."""
        name = f"stand-in-{next(names)}"
        self.kinesis.create_stream(StreamName=name, ShardCount=shards)
        streams.wait_active(self.kinesis, name)
        return name

    def environment(self):
        """What the SDK's programs read to find it."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SLUICE_"))}
        return kept | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "dev",
            "AWS_SECRET_ACCESS_KEY": "dev",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
