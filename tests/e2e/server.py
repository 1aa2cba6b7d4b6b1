"""server.py: starts, watches, stops and kills a real `sluice serve` for the tests.

A server is ready when GET /health answers 200; nothing here sleeps for a fixed time and hopes. Whatever a
server writes on stderr is kept, and a sanitizer's report in it, or an exit code other than 0 after SIGTERM,
is a failure of the test that stopped it (check_all finds those that nobody stopped).

Only the standard library is used, so that the crash harness can use it without the AWS SDK.
"""

import http.client
import os
import pathlib
import re
import resource
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACCOUNT = "000000000000"
REGION = "us-east-1"
SANITIZER = re.compile(
    r"(AddressSanitizer|LeakSanitizer|ThreadSanitizer|MemorySanitizer|UndefinedBehaviorSanitizer"
    r"|runtime error: |SUMMARY: \w+Sanitizer)"
)
READY_SECONDS = 60
STOP_SECONDS = 60


class ServerProblem(AssertionError):
    """The server did what it never may: died, reported a sanitizer finding, would not start or stop."""


def binary():
    """The program under test: SLUICE_BINARY, else the newest one that was built."""
    named = os.environ.get("SLUICE_BINARY")
    if named:
        path = pathlib.Path(named).resolve()
        if not path.exists():
            raise ServerProblem(f"SLUICE_BINARY names {path}, which does not exist")
        return str(path)
    built = [p for p in ROOT.glob("build/*/sluice") if p.is_file()]
    if not built:
        raise ServerProblem("no sluice binary: build one, or name it in SLUICE_BINARY")
    return str(max(built, key=lambda p: p.stat().st_mtime))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def clean_environment(extra=None):
    """Ours, less what would set the server up otherwise (it reads SLUICE_* itself)."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")}
    env.setdefault("ASAN_OPTIONS", "detect_leaks=1:detect_stack_use_after_return=1")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
    env.update(extra or {})
    return env


class Server:
    everyone = []

    def __init__(self, data=None, flags=(), dev=True, env=None, port=None, prefix=(), program=None):
        self.data = (
            pathlib.Path(data) if data else pathlib.Path(tempfile.mkdtemp(prefix="sluice-data-"))
        )
        self.flags = list(flags)
        self.dev = dev
        self.env = env
        self.port = port or free_port()
        self.prefix = list(prefix)
        self.program = program or binary()
        self.plain = dev or "--plain" in self.flags
        self.process = None
        self.stdout = ""
        self.stderr = ""
        self.problems = []
        self._pumps = []
        Server.everyone.append(self)

    # -- addresses ------------------------------------------------------------------------------------

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}" if self.plain else self.tls_endpoint

    @property
    def tls_endpoint(self):
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca(self):
        return str(self.data / "tls" / "ca.pem")

    @property
    def pid(self):
        return self.process.pid

    # -- life -----------------------------------------------------------------------------------------

    def command(self):
        words = [
            *self.prefix,
            self.program,
            "serve",
            "--data",
            str(self.data),
            "--listen-port",
            str(self.port),
        ]
        if self.dev:
            words.append("--dev")
        return words + self.flags

    def spawn(self):
        """Starts the process; does not wait until it is ready."""
        self.process = subprocess.Popen(
            self.command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(self.env),
        )
        self._pumps = [self._pump("stdout"), self._pump("stderr")]
        return self

    def start(self):
        self.spawn()
        return self.wait_ready()

    def _pump(self, name):
        pipe = getattr(self.process, name)

        def run():
            for line in iter(pipe.readline, b""):
                setattr(self, name, getattr(self, name) + line.decode("utf-8", "replace"))
            pipe.close()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def wait_ready(self, seconds=READY_SECONDS):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                self._drained()
                self._report(f"the server ended with {self.process.returncode} before it was ready")
            if self.health() == 200:
                return self
            time.sleep(0.01)  # between two looks at /health
        self._report(f"the server was not ready after {seconds} s")

    def health(self):
        """The status of GET /health; None when nobody answers."""
        if self.plain:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        else:
            context = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=10, context=context
            )
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, seconds=STOP_SECONDS):
        """SIGTERM, and exit code 0 without a sanitizer's report."""
        if not self.process:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            self._report(f"the server did not end within {seconds} s of SIGTERM")
        self._drained()
        self.process = None
        if code != 0:
            self._report(f"the server ended with {code} instead of 0")
        self.check_stderr()

    def kill(self):
        """SIGKILL, as a power cut would for a process."""
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()
            self._drained()
            self.process = None
        self.check_stderr()

    def died(self):
        """It ended by itself: says so, and how."""
        code = self.process.wait()
        self._drained()
        self._report(f"the server ended by itself with {code}")

    def restart(self, kill=False):
        self.kill() if kill else self.stop()
        return self.start()

    def _drained(self):
        for thread in self._pumps:
            thread.join(5)

    # -- what it said ---------------------------------------------------------------------------------

    def check_stderr(self):
        if SANITIZER.search(self.stderr):
            self._report("a sanitizer reported")

    def _report(self, words):
        problem = f"{words}\n--- stderr of {' '.join(self.command())}\n{self.stderr[-8000:]}"
        self.problems.append(problem)
        raise ServerProblem(problem)

    def rss_kib(self):
        """Resident memory now."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1))

    def sanitized(self):
        """Whether the program carries AddressSanitizer, which multiplies memory and time."""
        maps = pathlib.Path(f"/proc/{self.pid}/maps").read_text()
        return "asan" in maps or "tsan" in maps or "libclang_rt" in maps

    def root_key(self):
        """The access key and secret that a first start prints once."""
        found = re.search(r"AWS_ACCESS_KEY_ID='?(AKIA[A-Z2-7]{16})\b", self.stdout)
        secret = re.search(
            r"AWS_SECRET_ACCESS_KEY='?([A-Za-z0-9+/]{40})(?![A-Za-z0-9+/=])", self.stdout
        )
        if not found or not secret:
            raise ServerProblem(f"no root key on stdout:\n{self.stdout}")
        return found.group(1), secret.group(1)


def sluice(*words, env=None, seconds=60):
    """Runs the program with other words than `serve`; returns the finished process."""
    return subprocess.run(
        [binary(), *map(str, words)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=clean_environment(env),
        timeout=seconds,
    )


def check_all():
    """Ends whoever still runs; returns every problem any server had."""
    problems = []
    for server in Server.everyone:
        if server.alive():
            try:
                server.stop()
            except ServerProblem:
                pass
        problems += server.problems
    return problems
