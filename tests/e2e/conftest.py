"""conftest.py: servers and streams for the tests. See server.py for what a server must keep to."""

import itertools
import os
import shutil
import tempfile

import pytest

import server as server_module
import streams
from server import Server

os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
os.environ["AWS_CONFIG_FILE"] = os.devnull
os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
for name in (
    "AWS_PROFILE",
    "AWS_CA_BUNDLE",
    "AWS_ENDPOINT_URL",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
):
    os.environ.pop(name, None)

counter = itertools.count(1)


def pytest_configure(config):
    try:
        server_module.binary()
    except server_module.ServerProblem as problem:
        pytest.exit(str(problem), returncode=2)


def pytest_report_header(config):
    return f"sluice: {server_module.binary()}"


def pytest_sessionfinish(session, exitstatus):
    """A server that misbehaved fails the run, whether or not a test noticed."""
    problems = server_module.check_all()
    if problems:
        print("\n\n".join(["", "SERVERS THAT MISBEHAVED", *problems]))
        if session.exitstatus == 0:
            session.exitstatus = 1


@pytest.fixture(scope="session")
def data_root():
    folder = tempfile.mkdtemp(prefix="sluice-e2e-")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server(data_root):
    """The --dev server that most tests share."""
    one = Server(data=os.path.join(data_root, "shared")).start()
    yield one
    one.stop()


@pytest.fixture(autouse=True)
def shared_server_outlives_the_test(request):
    """A test that kills the shared server fails, and the ones after it get it back."""
    yield
    if "server" not in request.fixturenames:
        return
    one = request.getfixturevalue("server")
    if not one.alive():
        try:
            one.died()
        finally:
            one.start()


@pytest.fixture(scope="session")
def kinesis(server):
    return streams.client(server.endpoint)


@pytest.fixture
def new_server(data_root):
    """Makes servers of a test's own; they are stopped, and looked at, when it ends."""
    made = []

    def make(*flags, dev=True, data=None, start=True, **members):
        folder = data or os.path.join(data_root, f"own-{next(counter)}")
        one = Server(data=folder, flags=flags, dev=dev, **members)
        made.append(one)
        return one.start() if start else one

    yield make
    for one in made:
        one.stop()
        shutil.rmtree(one.data, ignore_errors=True)


@pytest.fixture
def new_name(request):
    """Names that no other test uses."""
    return lambda: f"{request.node.name.split('[')[0][:80]}-{next(counter)}"


@pytest.fixture
def make_stream(kinesis, new_name):
    """Makes ACTIVE streams on the shared server; they are deleted when the test ends."""
    made = []

    def make(shards=1, **members):
        name = new_name()
        kinesis.create_stream(StreamName=name, ShardCount=shards, **members)
        made.append(name)
        streams.wait_active(kinesis, name)
        return name

    yield make
    for name in made:
        try:
            kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
        except kinesis.exceptions.ResourceNotFoundException:
            pass


@pytest.fixture
def stream(make_stream):
    return make_stream()
