"""conftest.py: the server that all the clients share: as a user starts it, with TLS and its first access key."""

import itertools
import os
import ssl

import pytest

import server as server_module
import standins
import toolchains
from server import REGION, Server

counter = itertools.count(1)


def pytest_configure(config):
    try:
        server_module.binary()
    except server_module.ServerProblem as problem:
        pytest.exit(str(problem), returncode=2)


def pytest_report_header(config):
    return f"sluice: {server_module.binary()}"


def pytest_collection_modifyitems(config, items):
    if os.environ.get("INTEROP") == "short":
        whole = [item for item in items if item.get_closest_marker("whole")]
        items[:] = [item for item in items if item not in whole]
        config.hook.pytest_deselected(items=whole)


def pytest_sessionfinish(session, exitstatus):
    """A server that misbehaved fails the run, whether or not a client noticed."""
    problems = server_module.check_all()
    if problems:
        print("\n\n".join(["", "SERVERS THAT MISBEHAVED", *problems]))
        if session.exitstatus == 0:
            session.exitstatus = 1


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    one = Server(data=tmp_path_factory.mktemp("interop") / "data", dev=False).start()
    yield one
    one.stop()


@pytest.fixture(scope="session")
def environment(server):
    """What every client reads its endpoint, key and CA from; each takes the CA in a way of its own."""
    key, secret = server.root_key()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SLUICE_"))}
    return kept | {
        "AWS_ENDPOINT_URL_KINESIS": server.endpoint,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_CA_BUNDLE": server.ca,  # AWS CLI, Go
        "NODE_EXTRA_CA_CERTS": server.ca,
        "NODE_NO_WARNINGS": "1",
        "SSL_CERT_FILE": server.ca,  # Rust
    }


@pytest.fixture(scope="session")
def java_trust(server, tmp_path_factory):
    toolchains.BUILD.mkdir(parents=True, exist_ok=True)
    return toolchains.java_trust(server.ca, tmp_path_factory.mktemp("trust") / "ca.p12")


@pytest.fixture(scope="session")
def dynamo(tmp_path_factory):
    """The address of a DynamoDB stand-in."""
    with standins.moto(tmp_path_factory.mktemp("moto") / "log") as one:
        yield one.address


@pytest.fixture(scope="session")
def dynamo_tls(server, tmp_path_factory):
    """The same for clients that insist on TLS: it has the server's own certificate."""
    tls = [f"--ssl-cert={server.data}/tls/server.pem", f"--ssl-key={server.data}/tls/server.key"]
    context = ssl.create_default_context(cafile=server.ca)
    with standins.moto(tmp_path_factory.mktemp("moto-tls") / "log", *tls, context=context) as one:
        yield one.address


@pytest.fixture
def play(environment, tmp_path):
    """Lets a client's program play against a stream of its own, and sees that it went through every step."""

    def one(words, *more, name="play", steps, env=None, seconds=toolchains.PLAY_SECONDS):
        stream = f"{name}-{next(counter)}"
        told = toolchains.run([*words, stream, *more], tmp_path, environment | (env or {}), seconds)
        print(told)
        done = [line.removeprefix("ok ") for line in told.splitlines() if line.startswith("ok ")]
        missing = [step for step in steps if not any(line.startswith(step) for line in done)]
        assert not missing, f"the client left out: {', '.join(missing)}\n{told}"

    return one
