"""A new task and a new category, added as CONTRIBUTING.md says, work in every command."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from chat_server import ChatServer
from PIL import Image
from support import ROOT

from builders.cli.command import COMMANDS
from builders.export.formats import FORMATS

pytestmark = pytest.mark.slow

TASK = '''"""Presence: whether there is anything at all, which is always so."""

from __future__ import annotations

from collections.abc import Iterator

from builders.corpus.targets import AnnotatedImage
from builders.tasks.record import Conversation, Record
from builders.tasks.templating import templates_for


def count(image: AnnotatedImage) -> int:
    """Return the number of records of an image: one."""
    return 1


def records(image: AnnotatedImage, talk: Conversation) -> Iterator[Record]:
    """Yield the image's one record."""
    record_id, templates = talk.next_id(), templates_for("naming", talk.info)
    name = talk.info.names[image.targets[0].category]
    yield Record(
        record_id, talk.choose("question", templates["questions"]), f"I see a {name}.", image.targets[:1]
    )
'''
WORDINGS = """about:
  order: 8
  boxes: none
  per: image
  targets: some
  asks: for one target
  record: an image
  answer: the first target's category
  score: the category
  hub: visual-question-answering
tag: "[naming]"
questions:
  - "Name one target in this {image}."
  - "What do you see in the {scene}?"
"""
# A task beside the others, for training alone.
UNSCORED = WORDINGS.replace("order: 8", "order: 9\n  beside: true").replace("  score: the category\n", "")
ROW = """
_ROWS["naming"] = _Row(
    lambda text, words: {"categories": list(dict.fromkeys(words.named("category", text)))},
    ("categories",),
    ("accuracy",),
    entries={"accuracy": "categories"},
)
TASKS = tuple(_ROWS)
"""


class Tree:
    """A copy of the project in which a test changes files, and runs its commands."""

    def __init__(self, top: Path) -> None:
        self.top = top
        for name in ("builders", "dataset_card"):
            shutil.copytree(ROOT / name, top / name, ignore=shutil.ignore_patterns("__pycache__"))
        for path in ROOT.glob("sarchat_*.py"):
            shutil.copy(path, top)

    def add_line(self, name: str, after: str, line: str) -> None:
        path = self.top / name
        text = path.read_text(encoding="utf-8")
        assert text.count(after) == 1
        path.write_text(text.replace(after, after + line), encoding="utf-8")

    def run(self, *arguments: object) -> str:
        code = "import sys; from builders.cli.command import main; main(sys.argv[1:])"
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            cwd=self.top,
            env={**os.environ, "PYTHONPATH": str(self.top), "HF_HOME": str(self.top / "hf")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    def run_all(self, task: str) -> dict[str, str]:
        """Run every command on the build `out`; return what each printed."""
        printed = {"stats": self.run("stats", "out")}
        printed["show"] = self.run("show", "out", task, "--split", "test", "--out", "record.png")
        printed["demo"] = self.run("demo", "out")
        printed["baseline"] = self.run("baseline", "out", "--out", "blind.jsonl", "--config", task)
        printed["synth"] = self.run("synth", 2, "--size", 96, "--out", "synth")
        printed["describe"], printed["corpora"] = self.run("describe", "synth"), self.run("corpora")
        score = ("score", "demo/answers.jsonl", "--references", "out")
        printed["score"] = self.run(*score, "--output", "scores.json", "--details", "details.jsonl")
        printed["leaderboard"] = self.run("leaderboard", "scores.json")
        printed["compare"] = self.run("compare", "scores.json", "scores.json")
        printed["report"] = self.run("report", "demo/answers.jsonl", "--data", "out", "--out", "report.html")
        printed["export"] = "".join(
            self.run("export", "out", "--to", name, "--limit", 2, "--out", f"ex-{name}") for name in FORMATS
        )
        with ChatServer(lambda asked: "a ship") as server:
            asked = ("predict", "out", "--model", "m", "--base-url", server.url, "--limit", 1, "--config", task)
            printed["predict"] = self.run(*asked, "--out", "asked.jsonl")
            # More than one image.
            printed["probe"] = self.run("probe", *(4 if value == 1 else value for value in asked[1:]), "--out", "probe")
        printed["space"] = self.run("space", "--out", "sarchat_metric")
        printed["push"] = self.run("push", "dataset", "out", "me/out", "--dry-run")
        assert {*printed, "build"} == {*COMMANDS}
        return printed


def test_a_new_task_works_in_every_command(tmp_path):
    tree = Tree(tmp_path)
    (tmp_path / "builders/tasks/naming.py").write_text(TASK)
    (tmp_path / "builders/tasks/naming.yaml").write_text(WORDINGS)
    (tmp_path / "builders/tasks/musing.py").write_text(TASK.replace("naming", "musing"))
    (tmp_path / "builders/tasks/musing.yaml").write_text(UNSCORED)
    metric = tmp_path / "sarchat_metric.py"
    place = "TASKS = tuple(_ROWS)\n"
    text = metric.read_text(encoding="utf-8")
    assert text.count(place) == 1
    metric.write_text(text.replace(place, ROW), encoding="utf-8")
    built = tree.run("build", "--sample", "--out", "out")
    assert re.search(r"^naming +20 +7 +7 +34$", built, re.MULTILINE)
    printed = tree.run_all("naming")
    assert "naming" in printed["score"] and "naming" in printed["stats"] and "naming" in printed["compare"]
    assert "naming" in (tmp_path / "report.html").read_text(encoding="utf-8")
    card = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert "| `naming`" in card and "config_name: naming" in card
    assert re.search(r"naming +100\.00", printed["demo"])
    check_the_unscored(tree, built, printed, card)


def check_the_unscored(tree: Tree, built: str, printed: dict[str, str], card: str) -> None:
    """Check that the task `musing` is built and exported if it is named, and nowhere else."""
    assert re.search(r"^all +749 +175 +136 +1,060$", built, re.MULTILINE)
    assert re.search(r"^musing +20 +7 +7 +34$", built, re.MULTILINE) and "musing" in printed["stats"]
    assert "config_name: musing" in card and re.search(r"every task but `presence`.* and\s`musing`", card)
    assert not {"presence", "musing"} & {word for name in ("score", "compare") for word in printed[name].split()}
    assert "musing" not in "".join(path.name for path in tree.top.glob("ex-*/*"))
    tree.run("export", "out", "--to", "llava", "--task", "musing", "--out", "musing")
    assert (tree.top / "musing/musing-train.json").is_file()
    with ChatServer(lambda asked: "a ship") as server:
        asked = ("predict", "out", "--model", "m", "--base-url", server.url, "--config", "musing", "--out", "a.jsonl")
        for arguments in (
            ("export", "out", "--to", "lmms-eval", "--task", "musing", "--out", "ex"),
            ("score", "demo/answers.jsonl", "--references", "out", "--config", "musing"),
            asked,
        ):
            with pytest.raises(AssertionError, match="musing is for"):
                tree.run(*arguments)


def test_a_new_category_works_in_every_command(tmp_path):
    tree = Tree(tmp_path)
    tree.add_line("builders/corpus/known/sardet-100k.yaml", "port, seaport]}\n", "  - {name: oil rig, article: an}\n")
    for split, images in (("train", 3), ("test", 2)):
        annotations, files = [], []
        for image in range(1, images + 1):
            files.append({"id": image, "file_name": f"{image:07d}.png", "width": 320, "height": 320})
            for number, (category, x, y) in enumerate([(0, 10, 10), (6, 180, 20), (6, 100, 190)]):
                box = [x + image, y, 90, 70]
                annotations.append(
                    {"id": 10 * image + number, "image_id": image, "category_id": category, "bbox": box, "area": 6300}
                )
            folder = tmp_path / "mine/JPEGImages" / split
            folder.mkdir(parents=True, exist_ok=True)
            Image.new("L", (320, 320), 40 * image).save(folder / f"{image:07d}.png")
        names = ("ship", "aircraft", "car", "tank", "bridge", "harbor", "oil rig")
        categories = [{"id": number, "name": name} for number, name in enumerate(names)]
        content = {"images": files, "annotations": annotations, "categories": categories}
        (tmp_path / "mine/Annotations").mkdir(exist_ok=True)
        (tmp_path / f"mine/Annotations/{split}.json").write_text(json.dumps(content))
    tree.run("build", "mine", "--out", "out", "--license", "mit", "--source-name", "Rigs")
    printed = tree.run_all("referring")
    assert re.search(r"^oil rig +6 ", printed["stats"], re.MULTILINE)
    assert all(
        re.search(rf"^{task} +100\.00", printed["demo"], re.MULTILINE)
        for task in ("classification", "counting", "grounding", "identification", "referring")
    )
    card = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert "'6': oil rig" in card and "6 oil rig" in card
    # Gold answers score 100 only if their category is read.
    gold = subprocess.run(
        [
            sys.executable,
            "-c",
            "import json, pyarrow.parquet as pq, pathlib\n"
            "for path in sorted(pathlib.Path('out').glob('*/test-*.parquet')):\n"
            "    for row in pq.read_table(path, columns=['id', 'messages']).to_pylist():\n"
            "        print(json.dumps({'id': row['id'], 'prediction': row['messages'][1]['content']}))",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    (tmp_path / "gold.jsonl").write_text(gold.stdout)
    scored = json.loads(tree.run("score", "gold.jsonl", "--references", "out", "--format", "json"))
    assert "100.0" in json.dumps(scored)
    table = tree.run("score", "gold.jsonl", "--references", "out")
    assert re.search(r"^overall .* 100\.00 ", table, re.MULTILINE)
