"""The notebooks of `examples/`: stored as executed, without traces of a machine, and they run."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from support import ROOT

from builders.core.resources import load_json

EXAMPLES = ROOT / "examples"
NOTEBOOKS = sorted(path.name for path in EXAMPLES.glob("*.ipynb"))
# A path of some user's machine, an address in memory, or a duration.
TRACE = re.compile(r"/(?:root|home|tmp|usr|work|Users)/|0x[0-9a-f]{6}|\b\d+(?:\.\d+)? ?(?:s|ms|it/s)\b")


def printed(notebook: dict) -> list[str]:
    """Return what each code cell prints or shows as text."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return ["".join(map(text_of, cell["outputs"])) for cell in cells]


def text_of(output: dict) -> str:
    text = output.get("text") or output.get("data", {}).get("text/plain", "")
    return text if isinstance(text, str) else "".join(text)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_stored_notebook_is_executed_and_small(name):
    path = EXAMPLES / name
    notebook = load_json(path.read_text(encoding="utf-8"))
    assert path.stat().st_size < 300_000
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert {output["output_type"] for cell in cells for output in cell["outputs"]} <= {"stream", "execute_result"}
    assert {output.get("name", "stdout") for cell in cells for output in cell["outputs"]} <= {"stdout"}
    assert [text for text in printed(notebook) if TRACE.search(text)] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs(name, tmp_path, monkeypatch, request):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    if "trl" in (EXAMPLES / name).read_text(encoding="utf-8"):
        pytest.importorskip("trl")
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    # Its shell finds `sarchat` beside Python.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    stored = nbformat.read(EXAMPLES / name, 4)
    run = nbformat.read(EXAMPLES / name, 4)
    where = {"metadata": {"path": str(tmp_path / "examples")}}
    nbclient.NotebookClient(run, timeout=600, record_timing=False, coalesce_streams=True, resources=where).execute()
    if request.config.getoption("update_golden"):
        run.metadata = stored.metadata
        nbformat.write(run, EXAMPLES / name)
    elif name == "quickstart.ipynb":
        # What is learned differs between processors in the last digits.
        assert printed(run) == printed(stored)
