"""Fixtures of all tests: caches of their own, the command as a process, a part of the real corpus.

Helpers to import are in `support.py` and the other modules of this folder, which pytest puts on the path.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
import support
from hypothesis import HealthCheck, settings

# One folder of temporary files per session: pytest-xdist's workers inherit the variable.
if "SARCHAT_TESTS" not in os.environ:
    os.environ["SARCHAT_TESTS"] = tempfile.mkdtemp(prefix="sarchat-tests-")
    atexit.register(shutil.rmtree, os.environ["SARCHAT_TESTS"], ignore_errors=True)
# Before anything imports `datasets`, which reads them once.
os.environ["HF_HOME"] = os.path.join(os.environ["SARCHAT_TESTS"], os.environ.get("PYTEST_XDIST_WORKER", "main"))
for _name in ("HF_DATASETS_CACHE", "HF_HUB_CACHE", "HF_MODULES_CACHE", "HF_TOKEN"):
    os.environ.pop(_name, None)
# Under `nohup`, or in the background of a script, signals are ignored, also by the processes that tests start.
for _name, _handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    # Windows has no SIGHUP.
    if (_number := getattr(signal, _name, None)) and signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, _handler)
# Examples per property: `.ci/run` tries more.
settings.register_profile(
    "sarchat",
    max_examples=int(os.environ.get("SARCHAT_EXAMPLES", 20)),
    # A busy machine is not a fault.
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("sarchat")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden records instead of comparing")


def pytest_collection_finish() -> None:
    # What is imported and collected stays: the garbage collector need not search it again and again.
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def sample_drawn_once():
    """`--sample` copies the sample that the session has drawn: drawing it takes longer than most tests."""
    from built_fixture import sample_corpus

    def copy(root: Path) -> None:
        shutil.copytree(sample_corpus(), root, dirs_exist_ok=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("builders.corpus.sample.write_sample", copy)
        yield


@pytest.fixture(scope="session")
def sarchat():
    """Run `sarchat ARGUMENTS...` in this process, which saves the imports."""

    def run(*arguments: object) -> subprocess.CompletedProcess:
        from builders.cli.command import main

        code = 0
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            try:
                main([str(argument) for argument in arguments])
            except SystemExit as ended:
                code = ended.code
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def sarchat_process():
    """Run `sarchat ARGUMENTS...` as a process of its own, where the process itself is under test."""

    def run(*arguments: object, **options) -> subprocess.CompletedProcess:
        return subprocess.run(
            support.command(*arguments), capture_output=True, text=True, timeout=120, check=False, **options
        )

    return run


@pytest.fixture(scope="session")
def real_corpus() -> Path:
    """A part of the real SARDet-100K, if it is found beside the project."""
    corpus = support.ROOT.parent / "shared" / "sardet_real" / "SARDet_100K"
    if not corpus.is_dir():
        pytest.skip("no part of SARDet-100K beside the project")
    return corpus


@pytest.fixture(scope="session")
def real_labels() -> Path:
    """Label files of public corpora, some with their images, if they are found beside the project."""
    folder = support.ROOT.parent / "shared" / "real"
    if not folder.is_dir():
        pytest.skip("no label files of public corpora beside the project")
    return folder
