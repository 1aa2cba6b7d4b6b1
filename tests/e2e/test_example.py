"""test_example.py: the examples do what they say, on real input: this machine's whole package index."""

import os
import re
import subprocess
import sys

from server import ROOT, clean_environment

INGEST = ROOT / "examples" / "package-index" / "ingest.py"


def ingest(server, *words, **env):
    return subprocess.run(
        [sys.executable, INGEST, "--endpoint", server.endpoint, *words],
        capture_output=True,
        text=True,
        env=clean_environment({"AWS_DEFAULT_REGION": "us-east-1", **env}),
        timeout=300,
    )


def test_the_package_index_comes_back_byte_for_byte(new_server):
    done = ingest(new_server("--segment-size", "8MiB"))
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        int(re.search(r"package index: ([\d,]+) packages", done.stdout)[1].replace(",", "")) > 10000
    )
    assert "every byte came back" in done.stdout


def test_without_an_index_it_says_what_to_do(server, tmp_path):
    fake = tmp_path / "apt-cache"
    fake.write_text("#!/bin/sh\nexit 0\n")
    fake.chmod(0o755)
    done = ingest(server, PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 1 and "apt-get update" in done.stderr
