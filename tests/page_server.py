"""The metric's page as a server: `python app.py` in the folder that `sarchat space` writes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builders.hub.space import write_space

# Python runs this before `app.py`: whatever asks for an address that is not this machine's is written down, and fails.
_NO_NETWORK = """
import os, socket
_resolve = socket.getaddrinfo

def getaddrinfo(host, *arguments, **options):
    if host not in (None, "", "localhost", "127.0.0.1", "0.0.0.0", "::1", b"localhost", b"127.0.0.1"):
        with open(os.environ["ASKED_FOR"], "a") as stream:
            stream.write(f"{host}\\n")
        raise socket.gaierror("no network in this test")
    return _resolve(host, *arguments, **options)

socket.getaddrinfo = getaddrinfo
"""


@contextmanager
def serving_page(base: Path, *, refuses: bool = False) -> Iterator[str]:
    """Yield the page's address; at the end, it must have asked the network for nothing, and logged no traceback.

    Args:
        base: an empty folder.
        refuses: whether Gradio itself will refuse requests, which it logs with a traceback.
    """
    write_space(base / "sarchat_metric")
    (base / "hooks").mkdir()
    (base / "hooks" / "sitecustomize.py").write_text(_NO_NETWORK)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if not name.startswith("GRADIO_")}
    env |= {
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(base / "uploads"),
        "HF_HOME": str(base / "home"),
        "PYTHONPATH": str(base / "hooks"),
        "ASKED_FOR": str(base / "asked_for.txt"),
    }
    with (base / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=base / "sarchat_metric", env=env, stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}/"
    try:
        _wait_for(address, process, base / "log.txt")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)
    assert not (base / "asked_for.txt").exists(), (base / "asked_for.txt").read_text()
    assert refuses or "Traceback" not in (base / "log.txt").read_text()


def _wait_for(address: str, process: subprocess.Popen, log: Path) -> None:
    for _ in range(240):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"{address} did not answer: {log.read_text()}")
