"""test_kcl.py: the Kinesis Client Library 3, unmodified, by polling and by fan-out; leases in moto's DynamoDB."""

import http.client
import subprocess

import pytest
import streams
import toolchains
from server import free_port

STEPS = ["create", "read", "split", "parent ended", "aggregated", "shutdown", "delete"]


@pytest.fixture(scope="module")
def dynamo(tmp_path_factory):
    """The address of a DynamoDB stand-in."""
    program, port = toolchains.moto(), free_port()
    with open(tmp_path_factory.mktemp("moto") / "log", "w") as log:
        process = subprocess.Popen(
            [program, "-H", "127.0.0.1", "-p", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )

    def answers():
        assert process.poll() is None, f"moto ended with {process.returncode}"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status < 500
        except OSError:
            return False
        finally:
            connection.close()

    streams.until(answers, words="moto's answer")
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(30)


@pytest.fixture(scope="module")
def kcl(java_trust):
    return [*toolchains.java("kcl"), *java_trust, "Kcl"]


@pytest.mark.whole
@pytest.mark.parametrize("way", ["polling", "fanout"])
def test_kcl(play, kcl, dynamo, way):
    """Records before and after a split, and aggregated as the KPL does, each once and in order."""
    steps = [*STEPS, "fan-out"] if way == "fanout" else STEPS
    play(kcl, way, name=f"kcl-{way}", steps=steps, env={"AWS_ENDPOINT_URL_DYNAMODB": dynamo})
