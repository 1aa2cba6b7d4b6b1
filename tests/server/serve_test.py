#!/usr/bin/env python3
"""serve_test.py: the program as a person meets it: words, help, settings, two at once, signals, keys. Real processes, real signals."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from server import Server, binary, clean_environment, free_port  # noqa: E402

WAIT_SECONDS = 30


def run(*words, env=None):
    """The program with these words; ends within a minute."""
    return subprocess.run([binary(), *map(str, words)], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env=clean_environment(env), timeout=60, check=False)


def until(holds, what):
    """Waits for a condition; the pause only keeps the processor free for those it waits for."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        value = holds()
        if value:
            return value
        time.sleep(0.01)  # polling: nothing tells us
    raise AssertionError(f"waited {WAIT_SECONDS} s for {what}")


class Case(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="sluice-serve-"))
        self.addCleanup(shutil.rmtree, self.root, True)

    def server(self, *flags, start=True, **members):
        members.setdefault("data", self.root / "data")
        one = Server(flags=flags, **members)
        self.addCleanup(one.stop)
        return one.start() if start else one

    def refused(self, ran, code, *parts):
        self.assertEqual(ran.returncode, code, ran.stderr)
        self.assertEqual(ran.stdout, "")
        for part in parts:
            self.assertIn(part, ran.stderr)


class Words(Case):
    def test_help_is_for_strangers(self):
        for words in (["help"], ["--help"], ["-h"]):
            ran = run(*words)
            self.assertEqual((ran.returncode, ran.stderr), (0, ""))
            self.assertIn("sluice serve --dev", ran.stdout)
        for words in (["serve", "--help"], ["help", "serve"], ["serve", "--dev", "-h"]):
            ran = run(*words)
            self.assertEqual((ran.returncode, ran.stderr), (0, ""))
            for part in ("--config FILE", "--listen-port", "Durability", "sluice serve --dev", "SIGHUP", "AWS_ENDPOINT_URL"):
                self.assertIn(part, ran.stdout)
        self.assertIn("sluice keys remove", run("keys", "--help").stdout)

    def test_version_is_one_line(self):
        self.assertRegex(run("version").stdout, r"\Asluice \d+\.\d+\.\d+\n\Z")
        self.assertEqual(run("--version").stdout, run("version").stdout)

    def test_words_not_understood_end_with_2(self):
        self.assertEqual(run().returncode, 2)
        self.refused(run("srve"), 2, '"srve"', 'is it "serve"?')
        self.refused(run("key"), 2, 'is it "keys"?')
        self.refused(run("xyzzy"), 2, "sluice help")
        self.assertNotIn("is it", run("xyzzy").stderr)
        self.refused(run("serve", "now"), 2, '"now"')
        self.refused(run("serve", "--listen-prt", "1"), 2, "--listen-port")
        self.refused(run("serve", "--listen-port", "many"), 2, "--listen-port")
        self.refused(run("serve", "--force"), 2)
        self.refused(run("serve", env={"SLUICE_NO_SUCH": "1"}), 2, "SLUICE_NO_SUCH")
        for words in ([], ["ad"], ["remove"], ["add", "x"], ["list", "--force"], ["remove", "a", "b"]):
            self.refused(run("keys", *words), 2)

    def test_what_print_config_prints_config_reads(self):
        first = run("serve", "--dev", "--listen-port", "0", "--segment-size", "8MiB", "--print-config", env={"SLUICE_REGION": "eu-west-1"})
        self.assertEqual(first.returncode, 0, first.stderr)
        values = json.loads(first.stdout)
        self.assertEqual((values["dev"], values["region"], values["segment-size"]), (True, "eu-west-1", "8MiB"))
        file = self.root / "settings.json"
        file.write_text(first.stdout)
        self.assertEqual(run("serve", "--config", file, "--print-config").stdout, first.stdout)

    def test_a_bad_config_file_is_named(self):
        file = self.root / "settings.json"
        self.refused(run("serve", "--config", file), 2, str(file))
        file.write_text('{"listen-port": ')
        self.refused(run("serve", "--config", file), 2, str(file))
        file.write_text('{"listen-prt": 1}')
        self.refused(run("serve", "--config", file), 2, "listen-port")

    def test_dev_stays_on_this_machine(self):
        self.refused(run("serve", "--dev", "--listen-address", "0.0.0.0", "--data", self.root / "d"), 2, "--dev", "0.0.0.0")
        self.assertFalse((self.root / "d").exists())


class Start(Case):
    def test_a_start_says_where_and_what(self):
        one = self.server(dev=False)
        until(lambda: "TLS" in one.stderr, "the banner")
        for part in (one.endpoint, str(one.data), "synced", f"AWS_CA_BUNDLE='{one.ca}'"):
            self.assertIn(part, one.stderr)

    def test_dev_says_what_to_type_next(self):
        one = self.server()
        until(lambda: "Ctrl-C" in one.stderr, "the banner")
        for part in ("DEVELOPMENT", f"AWS_ENDPOINT_URL_KINESIS={one.endpoint}", "aws kinesis put-record"):
            self.assertIn(part, one.stderr)
        self.assertEqual(one.stdout, "")

    def test_relaxed_durability_is_loud(self):
        one = self.server("--durability", "relaxed")
        until(lambda: "CAN BE LOST" in one.stderr, "the warning")

    def test_json_lines_are_all_of_stderr(self):
        one = self.server("--log-format", "json")
        one.stop()
        lines = one.stderr.splitlines()
        self.assertGreater(len(lines), 1)
        for line in lines:
            self.assertIsInstance(json.loads(line), dict)
        self.assertIn(one.endpoint, one.stderr)

    def test_the_root_key_is_told_once_and_only_on_stdout(self):
        one = self.server(dev=False)
        until(lambda: "AWS_CA_BUNDLE" in one.stdout, "the root key")
        key, secret = one.root_key()
        self.assertIn(f"export AWS_ENDPOINT_URL_KINESIS='{one.endpoint}'", one.stdout)
        self.assertNotIn(secret, one.stderr)
        one.stop()
        one.stdout = ""
        one.start()
        one.stop()
        self.assertEqual(one.stdout, "")
        for path in one.data.rglob("*"):
            if path.is_file() and "catalog" not in path.parts:
                self.assertNotIn(secret.encode(), path.read_bytes(), path)
        self.assertIn(key, run("keys", "list", "--data", one.data).stdout)

    def test_nothing_in_the_data_folder_is_for_others(self):
        one = self.server(dev=False)
        for path in [one.data, *one.data.rglob("*")]:
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)

    def test_a_second_server_on_the_folder_is_told_of_the_first(self):
        one = self.server()
        ran = run("serve", "--dev", "--data", one.data, "--listen-port", free_port())
        self.refused(ran, 1, f"process {one.pid}", str(one.data))
        self.assertEqual(one.health(), 200)

    def test_a_port_in_use_is_named(self):
        one = self.server()
        ran = run("serve", "--dev", "--data", self.root / "other", "--listen-port", one.port)
        self.refused(ran, 1, str(one.port))
        self.assertEqual(one.health(), 200)

    def test_a_folder_that_cannot_be_made_is_named(self):
        (self.root / "file").write_text("")
        self.refused(run("serve", "--dev", "--data", self.root / "file" / "data"), 1, "file")

    def test_port_0_takes_a_free_one_and_tells_it(self):
        process = subprocess.Popen([binary(), "serve", "--dev", "--data", str(self.root / "data"), "--listen-port", "0"],
                                   stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=clean_environment())
        try:
            port = int(re.search(r"127\.0\.0\.1:(\d+)", process.stderr.readline()).group(1))
            socket.create_connection(("127.0.0.1", port), 10).close()
        finally:
            process.terminate()
            process.communicate(timeout=WAIT_SECONDS)
        self.assertEqual(process.returncode, 0)


class Signals(Case):
    def ends(self, one, number):
        one.process.send_signal(number)
        code = one.process.wait(WAIT_SECONDS)
        one._drained()
        one.check_stderr()
        one.process = None
        return code

    def test_term_and_int_end_with_0_and_leave_no_socket(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            one = self.server()
            self.assertTrue((one.data / "admin.sock").exists())
            self.assertEqual(self.ends(one, number), 0)
            self.assertFalse((one.data / "admin.sock").exists())

    def test_idle_connections_do_not_hold_up_the_end(self):
        one = self.server("--shutdown-grace", "20s")
        idle = [socket.create_connection(("127.0.0.1", one.port)) for _ in range(20)]
        began = time.monotonic()
        self.assertEqual(self.ends(one, signal.SIGTERM), 0)
        self.assertLess(time.monotonic() - began, 10)
        for connection in idle:
            connection.close()

    def half_a_request(self, one):
        connection = socket.create_connection(("127.0.0.1", one.port))
        self.addCleanup(connection.close)
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
        until(lambda: '"connections":2' in self.page(one), "the connection")  # this one and the page's

    @staticmethod
    def page(one):
        with urllib.request.urlopen(f"{one.endpoint}/health", timeout=10) as answer:
            return answer.read().decode()

    def test_a_second_signal_ends_it_at_once(self):
        one = self.server("--shutdown-grace", "60s")
        self.half_a_request(one)
        one.process.send_signal(signal.SIGTERM)
        until(lambda: "finishing" in one.stderr, "the first signal")
        with self.assertRaises(subprocess.TimeoutExpired):
            one.process.wait(1)
        self.assertEqual(self.ends(one, signal.SIGTERM), 1)
        self.assertIn("second signal", one.stderr)

    def test_a_signal_said_twice_in_one_breath_is_one(self):
        one = self.server("--shutdown-grace", "2s")
        self.half_a_request(one)
        one.process.send_signal(signal.SIGTERM)
        until(lambda: "finishing" in one.stderr, "the first signal")
        self.assertEqual(self.ends(one, signal.SIGTERM), 0)

    def test_a_killed_server_leaves_nothing_in_the_way(self):
        one = self.server()
        one.kill()
        self.assertTrue((one.data / "admin.sock").exists())
        one.start()
        self.assertEqual(run("keys", "list", "--data", one.data).returncode, 0)

    def test_hup_rereads_the_log_level(self):
        file = self.root / "settings.json"
        file.write_text('{"log-level": "error"}')
        one = self.server("--config", str(file))
        file.write_text('{"log-level": "info"}')
        one.process.send_signal(signal.SIGHUP)

        def heard():  # the first is read at level error, and says nothing
            one.process.send_signal(signal.SIGHUP)
            return "SIGHUP" in one.stderr
        until(heard, "a line at level info")
        file.write_text('{"log-level": "loud"}')
        one.process.send_signal(signal.SIGHUP)
        until(lambda: "log level in force stays" in one.stderr, "the complaint")
        self.assertEqual(one.health(), 200)

    def test_hup_rereads_the_certificates(self):
        pairs = []
        for name in ("a", "b"):
            maker = self.server(data=self.root / name)
            maker.stop()
            pairs.append((self.root / name / "tls" / "server.pem", self.root / name / "tls" / "server.key"))
        chain, key = self.root / "chain.pem", self.root / "key.pem"

        def install(pair):
            for source, target in zip(pair, (chain, key)):
                shutil.copy(source, target)
        install(pairs[0])
        one = self.server("--tls-certificate", str(chain), "--tls-key", str(key), dev=False)

        def served():
            return ssl.get_server_certificate(("127.0.0.1", one.port))
        before = served()
        key.write_text("nonsense")
        one.process.send_signal(signal.SIGHUP)
        until(lambda: "certificates in force stay" in one.stderr, "the complaint")
        self.assertEqual(served(), before)
        install(pairs[1])
        one.process.send_signal(signal.SIGHUP)
        until(lambda: served() != before, "the new certificate")
        self.assertIn(served().split()[2], pairs[1][0].read_text())


class Keys(Case):
    def listed(self):
        ran = run("keys", "list", "--data", self.root / "data")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        lines = [line.split("\t") for line in ran.stdout.splitlines()]
        self.assertTrue(all(account == "default" for _, account in lines), ran.stdout)
        return [key for key, _ in lines]

    def added(self):
        ran = run("keys", "add", "--data", self.root / "data")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return re.search(r"AWS_ACCESS_KEY_ID='(AKIA[A-Z2-7]{16})'\n.*AWS_SECRET_ACCESS_KEY='[A-Za-z0-9+/]{40}'\n", ran.stdout).group(1)

    def check(self):
        """The same whether a server runs or not. There is one key at the start."""
        first = self.listed()
        self.assertEqual(len(first), 1)
        key = self.added()
        self.assertEqual(self.listed(), sorted([*first, key]))
        remove = ("keys", "remove", first[0], "--data", self.root / "data")
        self.assertEqual(run(*remove).returncode, 0)
        self.refused(run(*remove), 1, "no access key")
        self.assertEqual(self.listed(), [key])
        self.refused(run("keys", "remove", key, "--data", self.root / "data"), 1, "last access key")
        self.assertEqual(self.listed(), [key])

    def test_keys_while_the_server_runs(self):
        self.server(dev=False)
        self.check()

    def test_keys_while_no_server_runs_and_the_last_by_force(self):
        one = self.server(dev=False)
        one.stop()
        self.check()
        key = self.listed()[0]
        self.assertEqual(run("keys", "remove", "--force", "--data", one.data, key).returncode, 0)
        self.assertEqual(self.listed(), [])
        one.stdout = ""
        one.start()
        until(lambda: "AWS_CA_BUNDLE" in one.stdout, "a new root key")
        self.assertEqual(self.listed(), [one.root_key()[0]])

    def test_a_folder_without_a_server_is_told_so(self):
        self.refused(run("keys", "list", "--data", self.root / "none"), 1, "none")
        (self.root / "empty").mkdir()
        self.refused(run("keys", "add", "--data", self.root / "empty"), 1, "no catalog")
        self.assertFalse((self.root / "empty" / "catalog").exists())


if __name__ == "__main__":
    unittest.main()
