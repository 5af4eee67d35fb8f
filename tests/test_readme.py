"""What the README and the guides in docs/ print is run as printed, and links lead somewhere."""

import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from built_fixture import sample_build, sample_corpus, sample_gold
from support import ROOT, write_lines

import sarchat_dataset
import sarchat_metric
from builders.hub.space import write_space


def code_blocks(page: str) -> list[tuple[str, str]]:
    """Return the language, which may be empty, and the content of each block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text()
REFERENCE = (DOCS / "python.md").read_text()
# Those of other pages need a bucket, a cluster or a harness, and are run by the tests of these.
GUIDES = ("loading", "building", "own-images", "training", "scoring", "protocol", "publishing")
BLOCKS = [*code_blocks(README), *(block for name in GUIDES for block in code_blocks((DOCS / f"{name}.md").read_text()))]
PYTHON = [*dict.fromkeys(code for language, code in BLOCKS if language == "python")]
SHELL = list(
    dict.fromkeys(
        line.partition("  #")[0] for language, code in BLOCKS if language == "sh" for line in code.splitlines()
    )
)
# These talk to the Hub or set up an environment; both are tested elsewhere.
ELSEWHERE = (
    "sarchat push ",
    "sarchat predict ",
    "sarchat score answers.jsonl",
    "vllm ",
    "hf auth ",
    "pip install ",
    "make ",
    "python -m venv ",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, sarchat):
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(sample_build(), folder / "sarchat")
    shutil.copytree(sample_corpus() / "SARDet_100K", folder / "SARDet_100K")
    write_own_images(folder / "SARDet_100K", folder)
    write_space(folder / "sarchat_metric")
    assert sarchat("demo", folder / "sarchat", "--out", folder / "demo").returncode == 0
    line = {"id": "referring/test/0000005/0", "prediction": "{<264><362><296><370>} (bottom center)"}
    write_lines(folder / "predictions.jsonl", [line])
    write_lines(folder / "qwen3-vl.jsonl", [line | {"prediction": '{"bbox_2d": [562, 602, 621, 627]}'}])
    records = sample_gold("referring").values()
    contents = [[message["content"] for message in record["messages"]] for record in records]
    rows = (
        {"response": gold, "labels": gold, "messages": [{"role": "user", "content": asked}]} for asked, gold in contents
    )
    write_lines(folder / "result.jsonl", rows)
    # Commands may run in any order, and some read what another writes.
    arguments = ("score", "demo/answers.jsonl", "--references", "sarchat", "--output", "my-model.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert sarchat(*arguments).returncode == 0
    shutil.copyfile(folder / "my-model.json", folder / "new-run.json")
    shutil.copyfile(folder / "demo/answers.jsonl", folder / "baseline.jsonl")
    return folder


def write_own_images(corpus, folder):
    """Write `mine`, in COCO's layout, and `photos` with `boxes.json`; harbors are called docks, and there is a buoy."""
    for split in ("train", "test"):
        coco = json.loads((corpus / "Annotations" / f"{split}.json").read_text())
        for category in coco["categories"]:
            category["name"] = {"harbor": "dock", "ship": "Vessel"}.get(category["name"], category["name"])
        (folder / "mine" / "annotations").mkdir(parents=True, exist_ok=True)
        (folder / "mine" / "annotations" / f"instances_{split}.json").write_text(json.dumps(coco))
        shutil.copytree(corpus / "JPEGImages" / split, folder / "mine" / split)
    shutil.copytree(folder / "mine" / "train", folder / "photos")
    coco = json.loads((folder / "mine" / "annotations" / "instances_train.json").read_text())
    coco["categories"].append({"id": 99, "name": "buoy"})
    coco["annotations"].append(coco["annotations"][0] | {"id": 10**6, "category_id": 99, "bbox": [1, 1, 9, 9]})
    (folder / "boxes.json").write_text(json.dumps(coco))
    # Other categories, as the page on images of one's own describes them.
    shutil.copytree(folder / "mine", folder / "farms")
    (described,) = (
        block for language, block in code_blocks((DOCS / "own-images.md").read_text()) if language == "yaml"
    )
    (folder / "wind.yaml").write_text(described)
    for path in (folder / "farms" / "annotations").iterdir():
        coco = json.loads(path.read_text())
        names = ["windmill", "turbine", "oil rig", "oil rigs", "people", "windmills"]
        for category, name in zip(coco["categories"], names, strict=True):
            category["name"] = name
        path.write_text(json.dumps(coco))


@pytest.mark.slow
@pytest.mark.parametrize("code", PYTHON, ids=lambda code: code.splitlines()[-1][:40])
def test_python_runs(code, folder):
    # A script and not -c: processes that it starts read it again.
    # It ends at once: some versions of `datasets` abort an interpreter that ends with a stream left half-way.
    code += "import os, sys\nsys.stdout.flush()\nos._exit(0)\n"
    (folder / "snippet.py").write_text(f"if __name__ == '__main__':\n{re.sub('^', '    ', code, flags=re.MULTILINE)}")
    run = subprocess.run([sys.executable, "snippet.py"], cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_the_python_reference_prints_what_it_says(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    blocks = [code for _, code in code_blocks(REFERENCE)]
    for code, printed in zip(blocks[::2], blocks[1::2], strict=True):
        exec(code, {})
        assert capsys.readouterr().out == printed


def test_the_python_reference_has_every_public_name():
    of_metric = {
        name
        for name, value in vars(sarchat_metric).items()
        if not name.startswith("_") and (name.isupper() or getattr(value, "__module__", "") == "sarchat_metric")
    }
    named = set(re.findall(r"`(?:\w+\.)?(\w+)[`(]", REFERENCE))
    assert {*of_metric, *sarchat_dataset.__all__} <= named
    # And no row is about what is gone.
    metric_part = REFERENCE.partition("## The metric")[2].partition("## The reward")[0]
    cells = " ".join(re.findall(r"^\| (`.*?) \|", metric_part, re.MULTILINE))
    assert set(re.findall(r"`(\w+)[`(]", cells)) <= of_metric


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line in SHELL if line.startswith("sarchat ")])
def test_commands_run(line, folder, sarchat, monkeypatch):
    if line.startswith(ELSEWHERE):
        pytest.skip("talks to the Hub")
    monkeypatch.chdir(folder)
    run = sarchat(*shlex.split(line)[1:])
    assert run.returncode == 0, run.stderr


def test_every_shell_line_is_known():
    assert [line for line in SHELL if line and not line.startswith(("sarchat ", *ELSEWHERE))] == []
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {line.split()[1] for line in SHELL if line.startswith("make ")} <= set(targets)


def test_the_examples_are_records_of_the_sample():
    texts = {message["content"] for record in sample_gold().values() for message in record["messages"]}
    shown = re.findall(r"\*([^*|]+)\*<br>(.+?) \|$", README, re.MULTILINE)
    assert len(shown) == 6
    for question, answer in shown:
        assert question in texts and answer in texts


def anchors(page: str) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", page, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))], ids=str)
def test_links_lead_somewhere(page):
    wrong = []
    for link in re.findall(r"\]\((?!https?://)([^)\s]+)\)", page.read_text()):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            wrong.append(link)
    assert wrong == []


def test_every_page_is_linked_from_the_readme():
    linked = set(re.findall(r"\]\(docs/([\w-]+\.md)", README))
    assert {path.name for path in DOCS.glob("*.md")} == linked
