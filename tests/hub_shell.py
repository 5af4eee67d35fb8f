"""Runs `sarchat push`, or other Python, in an environment of its own that reaches a Hub on loopback alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hub_server import LoopbackHub
from support import ROOT

# Whatever would leave the machine, in whichever library, ends the process's call.
GUARD = """
import socket

_connect, _connect_ex = socket.socket.connect, socket.socket.connect_ex

def _check(address):
    if isinstance(address, tuple) and address[0] != "127.0.0.1":
        raise AssertionError(f"a connection to {address}")

def connect(self, address):
    _check(address)
    return _connect(self, address)

def connect_ex(self, address):
    _check(address)
    return _connect_ex(self, address)

socket.socket.connect, socket.socket.connect_ex = connect, connect_ex
"""
RUN = "from builders.cli.command import main; main()"
# Before each push, `sarchat` streams from every config, in a process of its own; not where something else is tested.
RUN_UNSTREAMED = f"from builders.hub import checks; checks._check_loads = lambda *_: None; {RUN}"
# Records as JSON, the image by its pixels, so that what two places give can be compared as text.
READ = """
import hashlib, json, sys
from datasets import get_dataset_config_names, load_dataset

def tell(record):
    image = record.pop("image")
    return [record, image.mode, image.size, hashlib.sha256(image.tobytes()).hexdigest()]

names = sorted(get_dataset_config_names(sys.argv[1]))
out = {name: {split: [tell(dict(row)) for row in rows] for split, rows in load_dataset(sys.argv[1], name).items()}
       for name in names}
print(json.dumps(out))
"""


@dataclass
class Shell:
    """Runs Python in an environment that holds a token and nothing of this machine's user."""

    hub: LoopbackHub
    home: Path
    token: str | None = "hf_alice"

    def python(self, code: str, *arguments: object, **variables: str) -> subprocess.CompletedProcess:
        guard = self.home / "guard"
        guard.mkdir(parents=True, exist_ok=True)
        (guard / "sitecustomize.py").write_text(GUARD)
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(guard), str(ROOT)]),
            "HOME": str(self.home),
            "HF_HOME": str(self.home / "hf"),
            "HF_ENDPOINT": self.hub.endpoint,
            # The newer storage has a protocol of its own; without it the client speaks plain LFS.
            "HF_HUB_DISABLE_XET": "0" if self.hub.xet else "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_UPDATE_DOWNLOAD_COUNTS": "0",
            **({"HF_TOKEN": self.token} if self.token else {}),
            **variables,
        }
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return subprocess.run(command, env=environment, cwd=self.home, capture_output=True, text=True, timeout=300)

    def push(self, *arguments: object, code: str = RUN_UNSTREAMED, **variables: str) -> subprocess.CompletedProcess:
        done = self.python(code, "push", *arguments, **variables)
        assert "hf_alice" not in done.stdout + done.stderr
        assert "hf_bob" not in done.stdout + done.stderr
        return done

    def succeed(self, *arguments: object, code: str = RUN_UNSTREAMED, **variables: str) -> str:
        done = self.push(*arguments, code=code, **variables)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fail(self, *arguments: object, **variables: str) -> str:
        done = self.push(*arguments, **variables)
        errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
        assert (done.returncode, len(errors)) == (1, 1), done.stderr
        assert "Traceback" not in done.stderr
        assert done.stderr.rstrip().splitlines()[-1] == errors[0]
        return errors[0]

    def read(self, path: object, **variables: str) -> dict:
        done = self.python(READ, path, **variables)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
