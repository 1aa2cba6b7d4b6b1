"""toolchains.py: each client's own tools: what brings its packages in, builds it, and starts it.

A client is a folder here, and what is made of it lies in build/interop (the packages of all, and a folder a
client). Versions are pinned: package-lock.json, go.sum, and numbers in pom.xml and Cargo.toml. Nothing
here is skipped: a tool that is missing or too old, or a registry that does not answer, fails the test with the
tool's own words.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

from server import ROOT

HERE = pathlib.Path(__file__).resolve().parent
BUILD = ROOT / "build" / "interop"
BUILD_SECONDS = 900
PLAY_SECONDS = 150


class Trouble(AssertionError):
    """A client could not be built, or found a difference."""


def run(words, folder, env=None, seconds=BUILD_SECONDS):
    """Runs to the end; what it wrote. Its failure, or its being missing, is the test's."""
    words = [str(word) for word in words]
    if not shutil.which(words[0]):
        raise Trouble(f"{words[0]} is not installed: ./dev installs it (see tests/interop/README.md)")
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as late:
        told = late.stdout or b""
        told = told.decode("utf-8", "replace") if isinstance(told, bytes) else told
        raise Trouble(f"{' '.join(words)} took longer than {seconds} s\n{told[-8000:]}") from None
    if done.returncode != 0:
        raise Trouble(f"{' '.join(words)[:300]} ended with {done.returncode}\n{done.stdout[-8000:]}")
    return done.stdout


def folder(name):
    made = BUILD / name
    made.mkdir(parents=True, exist_ok=True)
    return made


def copy_of(name, *files):
    """A client's sources where its tool may leave things beside them."""
    made = folder(name)
    for file in files:
        (made / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(HERE / name / file, made / file)
    return made


def javascript():
    made = copy_of("js", "package.json", "package-lock.json", "play.mjs")
    npm_ci(made)
    return ["node", made / "play.mjs"]


def npm_ci(made):
    run(["npm", "ci", "--no-audit", "--no-fund", "--engine-strict", "--cache", BUILD / "npm"], made)


def kinesis_local():
    """The folder of kinesis-local, whose program is main.js: one package, without others under it."""
    made = copy_of("kinesis-local", "package.json", "package-lock.json")
    wanted, stamp = made / "package-lock.json", made / "node_modules" / "installed"
    if not stamp.exists() or stamp.read_bytes() != wanted.read_bytes():
        npm_ci(made)
        shutil.copy(wanted, stamp)
    return made / "node_modules" / "kinesis-local"


def go():
    program = folder("go") / "play"
    env = os.environ | {
        "GOPATH": str(BUILD / "gopath"),
        "GOCACHE": str(BUILD / "gocache"),
        "GOFLAGS": "-modcacherw -mod=readonly",
        "GOTOOLCHAIN": "local",
    }
    run(["go", "build", "-o", program, "."], HERE / "go", env)
    return [program]


def rust():
    made = copy_of("rust", "Cargo.toml", "src/main.rs")
    env = os.environ | {"CARGO_HOME": str(BUILD / "cargo"), "CARGO_TARGET_DIR": str(made / "target")}
    pin(made, env)
    run(["cargo", "build", "--quiet", "--locked", "--manifest-path", made / "Cargo.toml"], made, env)
    return [made / "target" / "debug" / "play"]


def pin(made, env):
    """Makes Cargo.lock of ours, which names no registry: the one that this machine's Cargo takes goes in."""
    wanted, stamp = (HERE / "rust" / "Cargo.lock.in").read_text(), made / "Cargo.lock.in"
    if stamp.exists() and stamp.read_text() == wanted and (made / "Cargo.lock").exists():
        return
    (made / "Cargo.lock").unlink(missing_ok=True)
    run(["cargo", "generate-lockfile", "--quiet", "--manifest-path", made / "Cargo.toml"], made, env)
    source = re.search(r"^source = .*\n", (made / "Cargo.lock").read_text(), re.M)[0]
    (made / "Cargo.lock").write_text(wanted.replace("checksum = ", source + "checksum = "))
    stamp.write_text(wanted)


# What Flink and Spark reach into; each tells its users to open it.
OPEN = [
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in (
        "java.io",
        "java.lang",
        "java.lang.invoke",
        "java.net",
        "java.nio",
        "java.time",
        "java.util",
        "java.util.concurrent",
        "sun.nio.ch",
        "sun.security.action",
    )
]


def java(name):
    """The words that start a Java program of that folder, but for its class."""
    made = folder(name)
    path = made / "classpath"
    goals = ["compile", "dependency:build-classpath", f"-Dmdep.outputFile={path}"]
    run(["mvn", "-B", "-q", "-Dstyle.color=never", f"-Dmaven.repo.local={BUILD / 'm2'}", *goals], HERE / name)
    classes = f"{made / 'target' / 'classes'}:{path.read_text().strip()}"
    return ["java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classes]


def java_trust(ca, store):
    """A trust store with the CA alone, and the words that make Java use it."""
    secret = "interop"  # a trust store holds nothing secret, but must have one
    words = ["-noprompt", "-alias", "sluice", "-file", ca, "-keystore", store, "-storetype", "PKCS12"]
    run(["keytool", "-importcert", *words, "-storepass", secret], BUILD)
    return [f"-Djavax.net.ssl.trustStore={store}", f"-Djavax.net.ssl.trustStorePassword={secret}"]


def moto():
    """The program that serves moto's DynamoDB and Kinesis."""
    wanted, made = HERE / "requirements.txt", BUILD / "venv"
    stamp = made / "requirements.txt"
    if not stamp.exists() or stamp.read_bytes() != wanted.read_bytes():
        run([sys.executable, "-m", "venv", "--clear", made], HERE)
        run([made / "bin" / "pip", "install", "--quiet", "--no-input", "-r", wanted], HERE)
        shutil.copy(wanted, stamp)
    return made / "bin" / "moto_server"
