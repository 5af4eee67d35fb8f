"""A package that adds an engine, a trainer and a box format by entry points, without a change of this one."""

import json
import sys

import pytest
from built_fixture import sample_build
from support import refusal

from builders.build.engines import ENGINES
from builders.cli.command import main
from builders.core.errors import SARChatError
from builders.core.registry import Registry
from builders.export.formats import FORMATS
from builders.notation import formats

LAB = """
from pathlib import Path
from builders.build import processes
from builders.export.format import Format

FORMAT = Format(
    "lab",
    lambda record: {"q": record.question, "a": record.answer},
    box_format="lab-boxes",
    templates=Path(__file__).with_name("lab_templates"),
)
BOXES = {"models": "LabVLM", "box": "[$y1 $x1 $y2 $x2]", "unit": {"divisor": 100}, "label": "before"}
check, run = processes.check, processes.run
"""
POINTS = """
[sarchat.exports]
lab = lab:FORMAT
[sarchat.notations]
lab-boxes = lab:BOXES
[sarchat.engines]
lab = lab
broken = lab:missing
"""


@pytest.fixture
def lab(tmp_path_factory, monkeypatch):
    """An installed package, as `importlib.metadata` finds it; what the registries remember is of this test alone."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "lab.py").write_text(LAB)
    (folder / "lab_templates").mkdir()
    (folder / "lab_templates" / "train.txt").write_text("train on boxes of @box_format\n")
    info = folder / "lab-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(str(folder))
    registries = FORMATS, formats._FORMATS, ENGINES
    for registry in registries:
        registry.__dict__.pop("_points", None)
    yield folder
    for registry in registries:
        registry.__dict__.pop("_points", None)
        registry._loaded.clear()
    sys.modules.pop("lab", None)


def test_a_trainer_and_its_boxes_are_exported(lab, tmp_path):
    main(["export", str(sample_build()), "--to", "lab", "--task", "referring", "--out", str(tmp_path / "out")])
    row = json.loads((tmp_path / "out/referring-train.jsonl").read_text().splitlines()[0])
    assert row["a"].startswith("[") and all(int(number) <= 100 for number in row["a"].split("]")[0].strip("[").split())
    assert (tmp_path / "out/train.txt").read_text() == "train on boxes of lab-boxes\n"


def test_an_engine_runs_a_build(lab, tmp_path):
    for engine in ("lab", "processes"):
        main(["build", "--sample", "--no-pictures", "--engine", engine, "--out", str(tmp_path / engine)])
    sums = [(tmp_path / engine / "SHA256SUMS").read_bytes() for engine in ("lab", "processes")]
    assert sums[0] == sums[1]


def test_unknown_and_broken_names(lab, capsys, tmp_path):
    command = ("export", sample_build(), "--to", "trl", "--box-format", "lab-box", "--out", tmp_path / "x")
    assert "did you mean 'lab-boxes'" in refusal(capsys, *command)
    with pytest.raises(SARChatError, match="the engine 'broken' of lab:missing cannot be loaded: AttributeError"):
        ENGINES["broken"]
    assert {"processes", "ray", "lab", "broken"} == set(ENGINES) and len(ENGINES) == 4


def test_included_entries_come_first():
    registry = Registry("command", "console_scripts", {"pip": 1})
    assert registry["pip"] == 1 and next(iter(registry)) == "pip" and list(registry).count("pip") == 1
