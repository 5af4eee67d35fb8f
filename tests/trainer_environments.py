"""Other tools' environments, where they are: `SARCHAT_TRAINERS` names the folder that `export/environments.sh` made."""

from __future__ import annotations

import functools
import json
import math
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from support import ROOT

HERE = ROOT / "tests" / "export"
_KEPT = tempfile.TemporaryDirectory(prefix="sarchat-trainers-")
_LOSS = re.compile(r"'loss': '?([\w.+-]+)")


def environment(name: str) -> Path:
    """Return the folder of a tool's environment; the test is skipped without it."""
    folder = os.environ.get("SARCHAT_TRAINERS")
    if not folder:
        pytest.skip("SARCHAT_TRAINERS names no folder of environments; tests/export/environments.sh makes them")
    if not (Path(folder) / name / "bin" / "python").exists():
        pytest.skip(f"no environment {name} in {folder}; make it with tests/export/environments.sh {folder} {name}")
    return Path(folder).absolute() / name


def run(name: str, *command: object, cwd: Path | None = None, **variables: str) -> str:
    """Run a command with a tool's environment on the path; return what it printed."""
    kept = Path(_KEPT.name)
    variables = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("HF_", "PYTHON"))},
        "PATH": f"{environment(name) / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(kept / "huggingface"),
        "MODELSCOPE_CACHE": str(kept / "modelscope"),
        **variables,
    }
    work = cwd or Path(tempfile.mkdtemp(dir=kept))
    done = subprocess.run([*map(str, command)], cwd=work, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    return done.stdout + done.stderr


def drive(name: str, script: str, *arguments: object, **options: Any) -> list[dict[str, Any]]:
    """Run a script of `drivers/` in a tool's environment; return the JSON lines that it prints behind `RECORD`."""
    printed = run(name, "python", HERE / "drivers" / script, *arguments, **options)
    return [json.loads(line.removeprefix("RECORD ")) for line in printed.splitlines() if line.startswith("RECORD ")]


@functools.cache
def tiny_model(name: str, family: str) -> Path:
    """Return the folder of a tiny model, made by a tool's own version of transformers."""
    folder = Path(_KEPT.name) / "models" / name / family
    run(name, "python", HERE / "tiny_models.py", family, folder)
    return folder


def losses(printed: str) -> list[float]:
    """Return the losses of the steps that a trainer logged; all must be finite."""
    values = [float(value) for value in _LOSS.findall(printed)]
    assert all(map(math.isfinite, values)), values
    return values
