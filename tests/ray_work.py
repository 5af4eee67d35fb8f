"""Work for the engine of Ray that fails in several ways. Run with a folder, it says how often each job was tried.

A module of its own, since workers import what they run.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from builders.core.errors import SARChatError

# How each job fails at its first and second attempt, in the order in which they run.
JOBS = ("connection", "exit", "crash", "mistake")


def fail_twice(job: tuple[str, str], advance) -> int:
    """Fail as the job's name says, but not at its third attempt; return the number of attempts."""
    folder, name = job
    with open(Path(folder, name), "a") as file:
        file.write("tried\n")
    tried = len(Path(folder, name).read_text().splitlines())
    if tried < 3:
        if name == "connection":
            raise ConnectionError("reset")
        if name == "exit":
            sys.exit(1)
        if name == "crash":
            os._exit(1)
        raise SARChatError("a mistake")
    return tried


def main(folder: str) -> None:
    from builders.build.scale import ray_tasks

    results = []
    with suppress(SARChatError):
        for (_, name), tried in ray_tasks.run(fail_twice, [(folder, name) for name in JOBS], 1, None, print):
            results.append(name)
            assert tried == 3
    attempts = {name: len(Path(folder, name).read_text().splitlines()) for name in JOBS}
    print(json.dumps([results, attempts]))


if __name__ == "__main__":
    import ray_work

    # So that the function belongs to a module, and not to the script.
    ray_work.main(sys.argv[1])
