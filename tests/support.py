"""What tests share: the root of the project, the command, a folder's files as checksums."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


def command(*arguments: object) -> list[str]:
    """Return the command line of `sarchat ARGUMENTS...` as a process."""
    return [sys.executable, "-c", "from builders.cli.command import main; main()", *map(str, arguments)]


def start_command(*arguments: object, **options: Any) -> subprocess.Popen:
    """Start `sarchat ARGUMENTS...` as a process whose output can be read."""
    return subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def start_offline(code: str, cwd: Path, *arguments: object) -> subprocess.Popen:
    """Start Python with caches of its own and no network."""
    env = dict(os.environ, HF_HOME=str(cwd / "home"), HF_HUB_OFFLINE="1", PYTHONUTF8="1")
    env.pop("HF_MODULES_CACHE", None)
    line = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(line, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def output(process: subprocess.Popen) -> str:
    """Return what a process prints; it must succeed."""
    printed, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return printed


def build(location, out, options=None):
    """Build without the card's charts, which take most of the time of a small build; `test_card` draws them."""
    # Here, since the environment must be set before anything of `datasets` is imported.
    from builders.build import pipeline
    from builders.build.options import BuildOptions

    return pipeline.build(location, out, replace(options or BuildOptions(), pictures=False))


def wait_until(ready: Callable[[], object], process: subprocess.Popen | None = None, seconds: float = 120) -> None:
    """Wait at most so long; a process that is given must run meanwhile."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def slow(*values: object) -> list:
    """Return values of a parameter that the quick tests leave out."""
    return [pytest.param(*value if isinstance(value, tuple) else [value], marks=pytest.mark.slow) for value in values]


def mostly_slow(values: Iterable[object], *quick: object) -> list:
    """Return the values of a parameter, of which the quick tests try some."""
    return [*quick, *slow(*(value for value in values if value not in quick))]


def refusal(capsys, *arguments: object) -> str:
    """Run the command, which must refuse; return its one line on stderr."""
    from builders.cli.command import main

    with pytest.raises(SystemExit) as exit_info:
        main([str(argument) for argument in arguments])
    lines = capsys.readouterr().err.splitlines()
    assert exit_info.value.code == 1
    assert len(lines) == 1 and lines[0].startswith("Error: "), lines
    return lines[0]


def tree(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in a folder by its path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def parquet(folder: Path, task: str = "*", split: str = "*") -> list[Path]:
    """Return the sorted Parquet files of a built folder."""
    return sorted(folder.glob(f"{task}/{split}-*.parquet"))


def parquet_sums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each Parquet file of a built folder by its path."""
    return {path: digest for path, digest in tree(folder).items() if path.endswith(".parquet")}


def rewritten(folder: Path, copy: Path, **columns: object) -> Path:
    """Return a copy of a built folder in which all rows have one value in some columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    shutil.copytree(folder, copy)
    (copy / "SHA256SUMS").unlink()
    for path in parquet(copy):
        table = pq.read_table(path)
        for name, value in columns.items():
            place = table.column_names.index(name)
            table = table.set_column(place, table.field(place), pa.array([value] * len(table), table.field(place).type))
        pq.write_table(table, path)
    return copy


def write_lines(path: Path, rows: Iterable[object]) -> Path:
    """Write JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_answers(path: Path, answers: Mapping[str, str]) -> Path:
    """Write answers by the ids of their records, as `sarchat score` reads them."""
    return write_lines(path, ({"id": record_id, "prediction": text} for record_id, text in answers.items()))


def write_boxes(boxes: Iterable[Sequence[float]]) -> str:
    """Return boxes as an answer writes them."""
    return "".join("{" + "".join(f"<{edge}>" for edge in box) + "}" for box in boxes)


def comparable(record: dict) -> dict:
    """Return a loaded record with the digest of its image's pixels in place of the image."""
    image = record["image"]
    return {**record, "image": (image.size, image.mode, hashlib.sha256(image.tobytes()).hexdigest())}


@contextmanager
def mounted(place: Path, *options: str) -> Iterator[Path]:
    """Mount something on a new folder; the test is skipped where that is not possible."""
    place.mkdir()
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    command = ["mount", *options, str(place)]
    if not is_root or not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs root and mount")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def children(pid: int) -> list[int]:
    """Return the running processes below one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                child = int(path.parent.name)
                found += [child, *children(child)]
    return found


def is_running(pid: int) -> bool:
    """Return whether a process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
