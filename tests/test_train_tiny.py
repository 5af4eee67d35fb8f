"""The example that trains a tiny model, in its short form: every step runs, from images to the report."""

import subprocess
import sys
from importlib.util import find_spec

import pytest
from support import ROOT

# Found and not imported, which would take seconds.
is_there = all(map(find_spec, ("torch", "transformers", "trl")))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not is_there, reason="the extra train is not installed"),
]


def test_every_step_runs_and_the_table_has_every_model(tmp_path):
    program = ROOT / "examples/train_tiny/run.py"
    arguments = [sys.executable, program, "--out", tmp_path / "tiny", "--short"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["score", "untrained", "rule", "blind", "trained"] in rows
    (overall,) = (list(map(float, row[1:])) for row in rows if row[:1] == ["overall"] and len(row) == 5)
    # What needs no model is known, and nothing was learned.
    assert overall[1] > max(overall[0], *overall[2:])
    assert "With other images" in (tmp_path / "tiny/report.html").read_text(encoding="utf-8")
