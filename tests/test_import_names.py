"""Module names that others use too: what a user reads or imports where one is taken or missing."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import datasets
import pytest
from packaging.version import Version
from support import ROOT

SCRIPT = ROOT / "sarchat_dataset.py"
LOAD = {
    "run": "import runpy, sys; runpy.run_path(sys.argv[1])",
    "load": "import datasets, sys; datasets.load_dataset(sys.argv[1], 'referring', trust_remote_code=True)",
}


def last_error(folder: Path, how: str, *path: Path) -> str:
    """Run the script where `.pth` files, and with them an editable install, have no effect; return its last line."""
    packages = [str(place) for place in (*path, *(place for place in sys.path if place.endswith("-packages")))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(packages), "HF_HOME": str(folder)}
    process = subprocess.run(
        [sys.executable, "-S", "-c", LOAD[how], SCRIPT], capture_output=True, text=True, cwd=folder, env=environment
    )
    assert process.returncode == 1
    return process.stderr.splitlines()[-1]


@pytest.mark.parametrize("how", LOAD)
@pytest.mark.parametrize("foreign", [False, True], ids=["missing", "of another project"])
def test_script_without_the_package_names_this_project(tmp_path, how, foreign):
    if how == "load" and Version(datasets.__version__) >= Version("4"):
        pytest.skip("datasets 4 and later load no scripts")
    if (Path(sysconfig.get_path("purelib")) / "builders").is_dir():
        pytest.skip("the package is installed as a copy")
    path = tmp_path / "path"
    if foreign:
        (path / "builders").mkdir(parents=True)
        (path / "builders" / "__init__.py").touch()
    error = last_error(tmp_path, how, path)
    assert "sarchat-bench" in error and "`pip install .`" in error
    assert "pip install builders" not in error


@pytest.mark.parametrize("name", ["sarchat_metric", "sarchat_dataset"])
def test_folder_named_as_a_module_does_not_hide_it(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "README.md").touch()
    code = f"import importlib.util; print(importlib.util.find_spec({name!r}).origin)"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert process.stdout.strip().endswith(f"{name}.py"), process.stderr
