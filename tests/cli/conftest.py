"""conftest.py: a server, and the program as a person types it."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import server as server_module  # noqa: E402

counter = 0


class Program:
    """`sluice` with an environment that knows the server and nothing of this machine."""

    def __init__(self, server, home):
        self.binary = server_module.binary()
        self.env = {k: v for k, v in server_module.clean_environment().items() if not k.startswith("AWS_")}
        self.env |= {
            "HOME": str(home),
            "AWS_ENDPOINT_URL": server.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "dev",
            "AWS_SECRET_ACCESS_KEY": "dev-secret",
        }

    def __call__(self, *words, stdin=b"", code=0, without=(), **env):
        """-> the finished process, whose stdout and stderr are bytes; it must have ended with `code`."""
        environment = {k: v for k, v in (self.env | env).items() if k not in without}
        done = subprocess.run([self.binary, *map(str, words)], input=stdin, capture_output=True, env=environment, timeout=120)
        assert not server_module.SANITIZER.search(done.stderr.decode("utf-8", "replace")), done.stderr.decode()
        assert b"dev-secret" not in done.stdout + done.stderr
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout.decode('utf-8', 'replace')[-2000:]}{done.stderr.decode()}"
        return done

    def start(self, *words, **more):
        return subprocess.Popen(
            [self.binary, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env, **more
        )


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    one = server_module.Server(data=tmp_path_factory.mktemp("data")).start()
    yield one
    one.stop()


@pytest.fixture(scope="session")
def sluice(server, tmp_path_factory):
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    return Program(server, tmp_path_factory.mktemp("home"))


@pytest.fixture
def stream(sluice):
    global counter
    counter += 1
    name = f"stream-{counter}"
    sluice("stream", "create", name, "--wait")
    yield name
    sluice("stream", "delete", name, "--enforce")
