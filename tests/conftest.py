"""What all tests share: caches of their own, and the command as a process."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_CACHE = tempfile.mkdtemp(prefix="sarchat-tests-")
atexit.register(shutil.rmtree, _CACHE, ignore_errors=True)
# Before anything imports `datasets`, which reads them once.
os.environ["HF_HOME"] = _CACHE
for _name in ("HF_DATASETS_CACHE", "HF_HUB_CACHE", "HF_MODULES_CACHE", "HF_TOKEN"):
    os.environ.pop(_name, None)


@pytest.fixture(scope="session")
def sarchat():
    """Run `sarchat ARGUMENTS...` as a process of its own."""

    def run(*arguments: object, **options) -> subprocess.CompletedProcess:
        return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120, check=False, **options)

    return run


def command(*arguments: object) -> list[str]:
    # As the installed script starts: the working folder, where a folder `sarchat_metric` may lie, is on no path.
    code = "import sys; sys.path.remove(''); from builders.cli.command import main; main()"
    return [sys.executable, "-c", code, *map(str, arguments)]


@pytest.fixture(scope="session")
def real_corpus() -> Path:
    """A part of the true SARDet-100K, where it lies beside the project."""
    corpus = ROOT.parent / "shared" / "sardet_real" / "SARDet_100K"
    if not corpus.is_dir():
        pytest.skip("no part of SARDet-100K beside the project")
    return corpus
