"""A cluster of Ray on this machine: each node is `ray start` in processes of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from support import children

_RAY = Path(sys.executable).with_name("ray")


class Node:
    """A node with room for one job at a time; node 0 is the head."""

    def __init__(self, address: str, head: bool, environment: dict[str, str], within: list[str]) -> None:
        host, port = address.split(":")
        where = ["--head", f"--port={port}", "--include-dashboard=false"] if head else [f"--address={address}"]
        options = ["--num-cpus=1", "--object-store-memory=100000000", "--disable-usage-stats", "--block"]
        self.process = subprocess.Popen(
            [*within, str(_RAY), "start", *where, f"--node-ip-address={host}", *options],
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def jobs(self) -> list[int]:
        """Return the processes that are doing a job."""
        return [pid for pid in children(self.process.pid) if title(pid).startswith("ray::_run_job")]

    def kill(self) -> None:
        """Kill every process of the node, as if its machine lost power."""
        for pid in [self.process.pid, *children(self.process.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


class Cluster:
    """A cluster; `add` starts a node.

    Attributes:
        address: its address, for `--address`.
        nodes: its nodes, killed ones too.
    """

    def __init__(self, folder: str, environment: dict[str, str]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.nodes: list[Node] = []
        # Ray keeps its files there, and the address of the cluster that `auto` means.
        self.environment = {**environment, "RAY_TMPDIR": folder, "RAY_AUTH_MODE": "disabled"}

    def add(self, within: tuple[str, ...] = (), **environment: str) -> Node:
        """Start a node and wait until it is ready."""
        known = self.alive()
        node = Node(self.address, not self.nodes, self.environment | environment, list(within))
        self.nodes.append(node)
        deadline = time.monotonic() + 60
        while not self.alive() - known:
            assert node.process.poll() is None, "the node has ended"
            assert time.monotonic() < deadline
            time.sleep(0.3)
        return node

    def alive(self) -> set[str]:
        """Return the ids of the nodes that the head takes to be alive."""
        if not (self.nodes and _answers(self.address)):
            return set()
        done = subprocess.run(
            [sys.executable, "-c", _LIST_NODES, self.address],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=True,
        )
        return set(done.stdout.split())


# State 0 is "alive".
_LIST_NODES = """
import sys
from ray._raylet import GcsClient
for id, node in GcsClient(address=sys.argv[1]).get_all_node_info().items():
    if node.state == 0:
        print(id.hex())
"""


@contextmanager
def ray_cluster(nodes: int, environment: dict[str, str]) -> Iterator[Cluster]:
    """Run a cluster of some nodes with these variables, and kill it in the end."""
    # The paths of sockets in it must stay short.
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(folder, environment)
        try:
            for _ in range(nodes):
                cluster.add()
            yield cluster
        finally:
            for node in cluster.nodes:
                node.kill()


def _answers(address: str) -> bool:
    host, port = address.split(":")
    with suppress(OSError), socket.create_connection((host, int(port)), 1):
        return True
    return False


def title(pid: int) -> str:
    """Return the command line of a process, which Ray replaces by what the process does."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    return ""
