"""test_package.py: the SDK as others get it: headers that compile alone, exactly the symbols that are promised, a package that
pkg-config and CMake find, examples that build against it and work.

What is tested lies beside the server's binary (SLUICE_BINARY): build/dev/libsluice.so and so on.
"""

import base64
import os
import pathlib
import re
import signal
import subprocess
import sys

import boto3
import layouts
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import server as server_module  # noqa: E402

BUILD = pathlib.Path(server_module.binary()).parent
LIST = ROOT / "consumer-sdk" / "sluice.symbols"
WARNINGS = ["-pedantic", "-Wall", "-Wextra", "-Werror"]
LANGUAGES = {"c": ["cc", "-std=c11", "-xc"], "c++": ["c++", "-std=c++17", "-xc++"]}
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def run(*words, **more):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=120, **more)
    assert done.returncode == 0, f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session", autouse=True)
def built():
    run("cmake", "--build", BUILD, "--target", "sluice_shared", "sluice_static", "sluice_man")


@pytest.fixture(scope="session")
def installed(built, tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", BUILD, "--component", "sdk", "--prefix", prefix)
    return prefix


def headers(prefix):
    return sorted((prefix / "include" / "sluice").glob("*.h"))


def sanitizers():
    """What the libraries were built with, which a program that links them needs too."""
    needed = run("readelf", "-d", BUILD / "libsluice.so")
    return [f"-fsanitize={name}" for name, library in (("address", "libasan"), ("undefined", "libubsan"), ("thread", "libtsan"))
            if library in needed]


# ---- headers


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_header_compiles_alone(installed, language):
    found = headers(installed)
    assert {"client.h", "firehose.h", "kinesis.h", "service.h", "types.h"} <= {h.name for h in found}
    for header in found:
        text = f"#include <sluice/{header.name}>\n#include <sluice/{header.name}>\n"
        run(*LANGUAGES[language], *WARNINGS, "-fsyntax-only", f"-I{installed}/include", "-", input=text)


# ---- symbols


def listed():
    return set(re.findall(r"^\s+(sluice_\w+);", LIST.read_text(), re.M))


def declared(header):
    text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
    found = re.findall(r"SLUICE_API\s+([^;{]*);", text)
    return {re.search(r"\b(sluice_[a-z0-9_]+)\s*(\(|$)", d).group(1) for d in found}


def test_the_list_is_sorted_and_has_nothing_twice():
    names = re.findall(r"^\s+(sluice_\w+);", LIST.read_text(), re.M)
    assert names == sorted(set(names))


def test_the_shared_library_shows_what_is_listed():
    words = [line.split() for line in run("nm", "-D", "--defined-only", BUILD / "libsluice.so").splitlines()]
    names = {w[-1] for w in words if w[-2] != "A"}
    assert {n.split("@@")[0] for n in names} == listed()
    assert {n.split("@@")[1] for n in names} == {"SLUICE_0.1"}


def test_the_static_library_shows_what_is_listed():
    words = [line.split() for line in run("nm", "-g", "--defined-only", BUILD / "libsluice.a").splitlines()]
    # a sanitizer's own are weak or named after it
    names = {w[-1] for w in words if len(w) == 3 and not re.match(r"__?[atu]b?san|__odr_asan|DW\.ref", w[-1])}
    assert names == listed()


def test_what_headers_declare_is_there(installed):
    """A header whose functions are listed at all has all of them listed; and each listed one stands in a header."""
    every = set()
    for header in headers(installed):
        names = declared(header)
        every |= names
        if names & listed():
            assert names <= listed(), header.name
    assert listed() <= every


def test_the_structs_lie_as_programs_were_compiled_with(installed):
    theirs = [h for h in headers(installed) if not declared(h) or declared(h) & listed()]
    now, before = set(layouts.measure(theirs)), set(layouts.listed())
    words = "layouts.py says how; what programs have been compiled with may not change under this soname"
    assert now == before, words


# ---- the manual


def test_each_function_has_its_page(installed):
    pages = {p.name.removesuffix(".3"): p.read_text() for p in (installed / "share" / "man" / "man3").glob("*.3")}
    assert listed() <= set(pages)
    for name in listed():
        assert "See <sluice/" not in pages[name], f"{name} has no comment"
    assert "SLUICE_STATE" in pages["sluice_call"]
    text = run("nroff", "-man", "-Tascii", input=pages["sluice_kinesis_put_record"])
    assert "ProvisionedThroughputExceededException" in text


# ---- the package


def test_pkg_config_finds_it(installed, tmp_path):
    env = dict(os.environ, PKG_CONFIG_PATH=str(installed / "lib" / "pkgconfig"))
    flags = run("pkg-config", "--cflags", "--libs", "sluice", env=env).split()
    for static in (False, True):
        words = run("pkg-config", "--cflags", "--libs", "--static", "sluice", env=env).split() if static else flags
        if static:
            words = [str(installed / "lib" / "libsluice.a") if w == "-lsluice" else w for w in words]
        run("cc", *sanitizers(), ROOT / "examples" / "sdk" / "tail.c", "-o", tmp_path / f"tail{static}", *words)
    needed = run("readelf", "-d", tmp_path / "tailFalse")
    assert "libsluice.so.0" in needed and "libcurl" not in needed
    assert "libsluice" not in run("readelf", "-d", tmp_path / "tailTrue")
    assert run("pkg-config", "--modversion", "sluice", env=env).strip() == "0.1.0"


@pytest.fixture(scope="session")
def examples(installed, tmp_path_factory):
    """The folder of the built examples, through CMake's package."""
    folder = tmp_path_factory.mktemp("examples")
    flags = " ".join(["-Wall", "-Wextra", "-Werror", *sanitizers()])
    run("cmake", "-S", ROOT / "examples" / "sdk", "-B", folder, f"-DCMAKE_PREFIX_PATH={installed}", f"-DCMAKE_C_FLAGS={flags}")
    run("cmake", "--build", folder)
    return folder


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    s = server_module.Server(data=tmp_path_factory.mktemp("data")).start()
    yield s
    s.stop()


def environment(server):
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_") and "proxy" not in k.lower()}
    return dict(env, **ENVIRONMENT, AWS_ENDPOINT_URL=server.endpoint)


@pytest.mark.parametrize("suffix", ["", "_static"])
def test_tail_prints_what_comes(examples, server, suffix):
    kinesis = boto3.client("kinesis", endpoint_url=server.endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    stream = f"tailed{suffix}"
    kinesis.create_stream(StreamName=stream, ShardCount=3)
    kinesis.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
    tail = subprocess.Popen([examples / f"tail{suffix}", stream], env=environment(server), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert tail.stderr.readline() == "3 shards\n"
        for i in range(6):
            kinesis.put_record(StreamName=stream, PartitionKey=f"key{i}", Data=f"record {i}".encode())
        assert sorted(tail.stdout.readline() for _ in range(6)) == [f"key{i}\trecord {i}\n" for i in range(6)]
        tail.send_signal(signal.SIGINT)
        _, said = tail.communicate(timeout=30)
        assert tail.returncode == 0, said
    finally:
        tail.kill()
        tail.wait()


def test_tail_says_what_is_wrong(examples, server):
    done = subprocess.run([examples / "tail", "nowhere"], env=environment(server), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "ListShards: SLUICE_SERVICE ResourceNotFoundException: Stream nowhere under account 000000000000 not found.\n"


def records_of(kinesis, stream):
    """All that lies in the stream, taken apart: (key, data), by shard."""
    found = []
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        at = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while True:
            answer = kinesis.get_records(ShardIterator=at)
            found += answer["Records"]
            if not answer["Records"] and not answer["MillisBehindLatest"]:
                break
            at = answer["NextShardIterator"]
    return found


def test_produce_stores_lines_as_awss_own_library_reads_them(examples, server):
    """The aggregated records are taken apart by AWS's Python module, made from the KPL's own protobuf."""
    deaggregator = pytest.importorskip("aws_kinesis_agg.deaggregator")
    kinesis = boto3.client("kinesis", endpoint_url=server.endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    kinesis.create_stream(StreamName="produced", ShardCount=3)
    kinesis.get_waiter("stream_exists").wait(StreamName="produced", WaiterConfig={"Delay": 1})
    lines = [(f"key{i % 7}", f"record {i}") for i in range(1000)]
    text = "".join(f"{key}\t{data}\n" for key, data in lines)
    assert run(examples / "produce", "produced", env=environment(server), input=text) == "1000 stored, 0 failed\n"
    stored = records_of(kinesis, "produced")
    assert len(stored) < 100
    # as Lambda hands them over, which is what the module reads
    raw = [
        {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "data": base64.b64encode(r["Data"]).decode(),
                "partitionKey": r["PartitionKey"],
                "sequenceNumber": r["SequenceNumber"],
                "approximateArrivalTimestamp": r["ApproximateArrivalTimestamp"].timestamp(),
            }
        }
        for r in stored
    ]
    found = deaggregator.deaggregate_records(raw)
    pairs = [(r["kinesis"]["partitionKey"], base64.b64decode(r["kinesis"]["data"]).decode()) for r in found]
    assert sorted(pairs) == sorted(lines)
    for key in {key for key, _ in lines}:  # in the order of the lines
        assert [p for p in pairs if p[0] == key] == [line for line in lines if line[0] == key]


def test_produce_says_which_line_failed(examples, server):
    done = subprocess.run([examples / "produce", "nowhere"], env=environment(server), input="a\n", capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "0 stored, 1 failed\n")
    assert done.stderr == "line 1: SLUICE_SERVICE ResourceNotFoundException: Stream nowhere under account 000000000000 not found.\n"


def test_configure_delivery_configures_one(examples, server):
    said = run(examples / "configure_delivery", "configured", "https://127.0.0.1:1/in", "bucket", env=environment(server))
    assert said.splitlines() == [
        "made arn:aws:firehose:us-east-1:000000000000:deliverystream/configured",
        "active: to https://127.0.0.1:1/in, every 1 s or 1 MiB",
        "sent 3 records, 0 refused",
    ]


def test_the_documentations_program_works(installed, server, tmp_path):
    program = re.search(r"```c\n(.*?)```", (ROOT / "docs" / "SDK.md").read_text(), re.S).group(1)
    env = dict(os.environ, PKG_CONFIG_PATH=str(installed / "lib" / "pkgconfig"))
    flags = run("pkg-config", "--cflags", "--libs", "sluice", env=env).split()
    run("cc", "-std=c11", *WARNINGS, *sanitizers(), "-xc", "-", "-xnone", "-o", tmp_path / "put", *flags, f"-Wl,-rpath,{installed}/lib", input=program)
    said = subprocess.run([tmp_path / "put"], env=environment(server), capture_output=True, text=True, timeout=60)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.startswith("ResourceNotFoundException: Stream orders")


@pytest.mark.parametrize("leases", ["service", "file"])
def test_worker_prints_each_record_once_over_two_lives(examples, server, tmp_path, leases):
    kinesis = boto3.client("kinesis", endpoint_url=server.endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    stream = f"worked-{leases}"
    env = environment(server)
    if leases == "file":
        env["SLUICE_LEASES"] = str(tmp_path / "leases.json")
    kinesis.create_stream(StreamName=stream, ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
    for life in range(2):
        kinesis.put_records(
            StreamName=stream, Records=[{"PartitionKey": f"key{i}", "Data": f"record {life} {i}".encode()} for i in range(10)]
        )
        worker = subprocess.Popen(
            [examples / "worker", stream, "readers"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            lines = sorted(worker.stdout.readline().split("\t", 1)[1] for _ in range(10))
            assert lines == sorted(f"key{i}\trecord {life} {i}\n" for i in range(10))
            worker.send_signal(signal.SIGINT)
            out, said = worker.communicate(timeout=30)
            assert worker.returncode == 0 and out == "", said
        finally:
            worker.kill()
            worker.wait()
