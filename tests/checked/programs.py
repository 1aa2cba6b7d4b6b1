#!/usr/bin/env python3
"""programs.py: programs that stand on the SDK, under a checker: the examples, the commands of `sluice`, and with valgrind the SDK's tests.

    tests/checked/programs.py valgrind|tsan [--build FOLDER] [NAME...]      names: as they are printed, or their beginning

valgrind: memcheck, of what is built without sanitizers and without jemalloc (preset valgrind). The servers that programs talk to run beside it, as
they are. Nothing is suppressed that Debian's own valgrind does not suppress.
tsan: ThreadSanitizer's own build (preset tsan), the server's too.

 V1. The checker finds nothing: with valgrind, no use of what is not ours or was never set; with tsan, no race, no lock out of turn.
 V2. With valgrind, nothing is lost at the end: every block was given back, or can still be reached (what libraries keep until then).
 V3. The program did what it was asked: its output and its exit code.
"""

import argparse
import concurrent.futures
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from server import Server  # noqa: E402

FOUND = 99  # the exit code of a program of which the checker has something to say
CHECKERS = {
    "valgrind": (
        "valgrind", "--quiet", f"--error-exitcode={FOUND}", "--leak-check=full", "--show-leak-kinds=definite,indirect,possible",
        "--errors-for-leak-kinds=definite,indirect,possible", "--num-callers=30", "--fair-sched=yes",
    ),
    "tsan": (),
}
# ThreadSanitizer of gcc 12 needs the address space where it expects it.
FIXED = ("setarch", "-R") if subprocess.run(["setarch", "-R", "true"], stderr=subprocess.DEVNULL).returncode == 0 else ()
TSAN_OPTIONS = f"exitcode={FOUND}:halt_on_error=1:second_deadlock_stack=1"
SECONDS = 900
LINES = [f"key{i % 7}\trecord {i}" for i in range(300)]


class Bad(Exception):
    pass


class Rig:
    """A server, and what runs against it."""

    def __init__(self, checker, build, folder):
        self.build, self.folder = build, folder
        self.beside, self.flags = (FIXED, ["-fsanitize=thread"]) if checker == "tsan" else ((), [])
        self.checker = self.beside + CHECKERS[checker]
        os.environ["TSAN_OPTIONS"] = TSAN_OPTIONS  # the server's as well
        self.binary = build / "sluice"
        self.server = Server(data=folder / "data", program=str(self.binary), prefix=self.beside).start()
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SLUICE_")) and "proxy" not in k.lower()}
        self.env |= {
            "HOME": str(folder), "AWS_ENDPOINT_URL": self.server.endpoint, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "dev",
            "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true",
        }
        self.examples = self.build_examples()

    def build_examples(self):
        """As a program links the library: what was installed, by pkg-config."""
        prefix, out = self.folder / "sdk", self.folder / "examples"
        out.mkdir()
        self.plain("cmake", "--install", self.build, "--component", "sdk", "--prefix", prefix)
        env = dict(self.env, PKG_CONFIG_PATH=f"{prefix}/lib/pkgconfig")
        flags = self.plain("pkg-config", "--cflags", "--libs", "sluice", env=env).split()
        for source in (ROOT / "examples" / "sdk").glob("*.c"):
            self.plain("cc", "-std=c11", "-g", *self.flags, source, "-o", out / source.stem, *flags, f"-Wl,-rpath,{prefix}/lib")
        return out

    def plain(self, *words, env=None, stdin=""):
        """Unchecked."""
        done = subprocess.run([*self.beside, *(str(w) for w in words)], capture_output=True, text=True, env=env or self.env, input=stdin, timeout=SECONDS)
        if done.returncode != 0:
            raise Bad(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def stream(self, name, shards=2):
        self.plain(self.binary, "stream", "create", name, "--shards", shards, "--wait")
        return name

    def put(self, stream, lines=LINES):
        self.plain(self.binary, "put", stream, "--key", 1, stdin="\n".join(lines) + "\n")

    def check(self, words, code, out, said, wanted):
        if code == FOUND:
            raise Bad(f"{words}\n{said}")
        if code != wanted:
            raise Bad(f"{words}: {code}, not {wanted}\n{out[-2000:]}{said[-4000:]}")

    def run(self, *words, stdin="", code=0, env=None):
        """-> its standard output."""
        words = [str(w) for w in words]
        done = subprocess.run([*self.checker, *words], capture_output=True, text=True, env=env or self.env, input=stdin, timeout=SECONDS)
        self.check(words, done.returncode, done.stdout, done.stderr, code)
        return done.stdout

    def sluice(self, *words, **more):
        return self.run(self.binary, *words, **more)

    @contextlib.contextmanager
    def running(self, *words, env=None):
        """One that goes on until Ctrl-C; it ends with 0 then."""
        words = [str(w) for w in words]
        process = subprocess.Popen([*self.checker, *words], env=env or self.env, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            yield process
            process.send_signal(signal.SIGINT)
            out, said = process.communicate(timeout=SECONDS)
            self.check(words, process.returncode, out, said, 0)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()


def expect(there, wanted):
    if there != wanted:
        raise Bad(f"{there!r:.500}\ninstead of\n{wanted!r:.500}")


# ---- the examples


def example_produce(rig):
    stream = rig.stream("produced", 3)
    said = rig.run(rig.examples / "produce", stream, stdin="\n".join(LINES) + "\n")
    expect(said, f"{len(LINES)} stored, 0 failed\n")
    expect(len(rig.plain(rig.binary, "get", stream).splitlines()), len(LINES))


def example_tail(rig):
    stream = rig.stream("tailed")
    with rig.running(rig.examples / "tail", stream) as process:
        expect(process.stderr.readline(), "2 shards\n")
        rig.put(stream)
        expect(len({process.stdout.readline() for _ in LINES}), len(LINES))


def worker(rig, stream, env):
    rig.stream(stream)
    for life in range(2):
        lines = [f"{line} of life {life}" for line in LINES]
        rig.put(stream, lines)
        with rig.running(rig.examples / "worker", stream, "readers", env=env) as process:
            expect(sorted(process.stdout.readline().rsplit("\t", 1)[1] for _ in lines), sorted(x.split("\t")[1] + "\n" for x in lines))


def example_worker(rig):
    worker(rig, "worked", rig.env)


def example_worker_with_a_file(rig):
    worker(rig, "worked-file", dict(rig.env, SLUICE_LEASES=str(rig.folder / "leases.json")))


def example_configure_delivery(rig):
    said = rig.run(rig.examples / "configure_delivery", "configured", "https://127.0.0.1/in", "bucket")
    expect(said.splitlines()[-1], "sent 3 records, 0 refused")


# ---- the command line


def sluice_put_and_get(rig):
    """Each way to put, and each to read."""
    for number, how in enumerate([(), ("--ordered", "--idempotent"), ("--aggregate", "--ordered", "--json"), ("--key", 1), ("--key-jq", ".|length", "--jsonl")]):
        stream = rig.stream(f"put-{number}")
        lines = [f'["{line.split()[0]}", {n}]' for n, line in enumerate(LINES)]
        rig.sluice("put", stream, *how, stdin="\n".join(lines) + "\n")
        expect(sorted(rig.sluice("get", stream).splitlines()), sorted(lines))
        expect(len(rig.sluice("get", stream, "--json", "--max", 100).splitlines()), 100)
        rig.sluice("get", stream, "--json", "--keep-aggregated")


def sluice_tail(rig):
    stream = rig.stream("tailed-by-sluice")
    with rig.running(rig.binary, "tail", stream, "--from", "trim_horizon") as process:
        rig.put(stream)
        expect(len({process.stdout.readline() for _ in LINES}), len(LINES))
        rig.plain(rig.binary, "shard", "split", stream, "shardId-000000000000", "--wait")
        rig.put(stream)
        for _ in LINES:
            process.stdout.readline()


def sluice_control(rig):
    for words in (
        ("stream", "create", "controlled", "--shards", 2, "--wait"), ("stream", "list"), ("stream", "describe", "controlled", "--json"),
        ("stream", "retention", "controlled", 48), ("shard", "split", "controlled", "shardId-000000000000", "--wait"), ("shard", "list", "controlled"),
        ("consumer", "register", "controlled", "c"), ("consumer", "list", "controlled", "--json"), ("group", "list", "controlled"),
        ("delivery", "list"), ("completion", "bash"), ("stream", "delete", "controlled", "--enforce", "--wait"),
    ):
        rig.sluice(*words)
    rig.sluice("get", "nowhere", code=4)
    rig.sluice("put", "nowhere", stdin="a\n", code=4)
    rig.sluice("stream", "create", code=2)


def sluice_bench(rig):
    stream = rig.stream("loaded")
    rig.sluice("bench", "put", stream, "--seconds", 2, "--rate", 50, "--connections", 2)
    rig.sluice("bench", "read", stream, "--seconds", 2)
    rig.sluice("bench", "latency", stream, "--seconds", 2, "--rate", 20, "--connections", 2)


PROGRAMS = {
    f.__name__: f
    for f in (
        example_produce, example_tail, example_worker, example_worker_with_a_file, example_configure_delivery,
        sluice_put_and_get, sluice_tail, sluice_control, sluice_bench,
    )
}


# ---- the tests

# What counts on throttles, and so on a producer faster than its quota.
NEEDS_SPEED = {"consumer-sdk.producer_faults"}


def tests(build):
    """The SDK's own, by name. Those with a server start it themselves."""
    found = {}
    for program in sorted((build / "tests").glob("*consumer-sdk.*")):
        if os.access(program, os.X_OK) and program.is_file() and program.name not in NEEDS_SPEED:
            found[program.name] = lambda rig, program=program: rig.run(program)
    return found


# ---- all


def one(name, run, rig):
    began = time.monotonic()
    try:
        run(rig)
        problem = None
    except (Bad, subprocess.TimeoutExpired, AssertionError) as e:
        problem = str(e)
    print(f"{'FAIL' if problem else 'ok':4}  {name:40} {time.monotonic() - began:6.1f} s", flush=True)
    if problem:
        print(problem, flush=True)
    return problem is None


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("checker", choices=CHECKERS)
    words.add_argument("--build", type=pathlib.Path)
    words.add_argument("--at-once", default=os.cpu_count() or 1, type=int)
    words.add_argument("names", nargs="*")
    given = words.parse_intermixed_args()
    build = given.build or ROOT / "build" / given.checker
    every = PROGRAMS | (tests(build) if given.checker == "valgrind" else {})
    chosen = {n: f for n, f in every.items() if not given.names or any(re.match(re.escape(x), n) for x in given.names)}
    if not chosen:
        sys.exit(f"Nothing has such a name. There are: {' '.join(every)}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sluice-checked-") as folder:
        rig = Rig(given.checker, build, pathlib.Path(folder))
        with concurrent.futures.ThreadPoolExecutor(given.at_once) as pool:
            results = [x.result() for x in [pool.submit(one, n, f, rig) for n, f in chosen.items()]]
        rig.server.stop()
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed in {time.monotonic() - began:.1f}s")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
