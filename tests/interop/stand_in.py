"""stand_in.py: moto's DynamoDB, where the Kinesis Client Library keeps its leases here."""

import contextlib
import subprocess
import urllib.request

import streams
import toolchains
from server import free_port


class StandIn:
    def __init__(self, address, pid):
        self.address, self.pid = address, pid


@contextlib.contextmanager
def stand_in(log, *tls, context=None):
    """One that lives as long as the block."""
    program, port = toolchains.moto(), free_port()
    with open(log, "w") as out:
        process = subprocess.Popen(
            [program, "-H", "127.0.0.1", "-p", str(port), *tls],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    address = f"http{'s' if tls else ''}://127.0.0.1:{port}"

    def answers():
        assert process.poll() is None, f"moto ended with {process.returncode}"
        try:
            return urllib.request.urlopen(address, timeout=10, context=context).status == 200
        except OSError:
            return False

    try:
        streams.until(answers, words="moto's answer")
        yield StandIn(address, process.pid)
    finally:
        process.terminate()
        process.wait(30)
