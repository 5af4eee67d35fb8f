"""Boxes in another convention than COCO's are refused by its name; boxes that are right never are."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from pathlib import Path

import pytest
from corpora import NAMES, Picture, write_corpus
from support import build, parquet_sums, refusal

from builders.build.options import BuildOptions
from builders.cli.command import main
from builders.core.errors import SARChatError
from builders.corpus.corpus import locate
from builders.corpus.labels import BoxConvention
from builders.corpus.targets import CLIPPED, RawBox, clean
from sarchat_dataset import SARChat

SIDES = (400, 300)
# How each convention writes a box of x, y, w, h in an image of W, H, and what the error calls it.
CONVENTIONS = {
    "corners": (lambda x, y, w, h, W, H: [x, y, x + w, y + h], "as x1, y1, x2, y2"),
    "centres": (lambda x, y, w, h, W, H: [x + w / 2, y + h / 2, w, h], "as centre x, centre y, width, height"),
    "shares": (lambda x, y, w, h, W, H: [x / W, y / H, w / W, h / H], "shares of the image's width and height"),
    "shares as corners": (lambda x, y, w, h, W, H: [x / W, y / H, (x + w) / W, (y + h) / H], "shares of the image's"),
    "shares as centres": (lambda x, y, w, h, W, H: [(x + w / 2) / W, (y + h / 2) / H, w / W, h / H], "shares of the"),
}


def boxes(number: int, seed: int, largest: float = 0.4) -> list[list[float]]:
    """Return boxes inside an image, anywhere, of sides up to a share of the image's."""
    rng = random.Random(seed)
    found = []
    for _ in range(number):
        w, h = (rng.uniform(4, largest * side) for side in SIDES)
        found.append([rng.uniform(0, SIDES[0] - w), rng.uniform(0, SIDES[1] - h), w, h])
    return found


def check(numbers: list[list[float]]) -> None:
    convention = BoxConvention()
    convention.add([RawBox(0, tuple(box), False) for box in numbers], *SIDES)
    convention.check("boxes.json")


@pytest.mark.parametrize("number", [1, 2, 5, 40, 400])
@pytest.mark.parametrize("largest", [0.05, 0.2, 0.4, 0.9, 1.0])
def test_boxes_that_are_right_are_not_refused(number, largest):
    for seed in range(20):
        right = boxes(number, seed, largest)
        check(right)
        # Nor if some are cut by an edge and were not clipped, or are far too large.
        check([[x - 30, y - 30, w, h] if place % 4 == 0 else [x, y, w, h] for place, (x, y, w, h) in enumerate(right)])
        check([*right, [0, 0, 900, 900], [-5, -5, 800, 800]])


@pytest.mark.parametrize("kind", CONVENTIONS)
@pytest.mark.parametrize("largest", [0.2, 0.4, 0.6])
def test_another_convention_is_named(kind, largest):
    write, told = CONVENTIONS[kind]
    for seed in range(20):
        with pytest.raises(SARChatError, match=told):
            check([write(*box, *SIDES) for box in boxes(200, seed, largest)])


def test_nothing_is_concluded_from_no_box():
    check([])
    check([[5, 5, 0, 0]] * 100)


@pytest.mark.parametrize("kind", [None, *CONVENTIONS])
def test_a_corpus_in_another_convention_is_refused(tmp_path, capsys, kind):
    numbers = boxes(60, 1)
    written = [CONVENTIONS[kind][0](*box, *SIDES) for box in numbers] if kind else numbers
    of_split = [
        Picture(f"{place:07d}.jpg", *SIDES, [(NAMES[place % 6], *written[place + step]) for step in range(3)])
        for place in range(0, 60, 3)
    ]
    corpus = write_corpus(tmp_path, {"train": of_split})
    out, options = tmp_path / "out", BuildOptions(tasks=["counting"])

    def live(**options) -> SARChat:
        return SARChat(config_name="counting", data_dir=str(corpus), cache_dir=str(tmp_path / "cache"), **options)

    if kind is None:
        build(corpus, out, options)
        assert capsys.readouterr().err == ""
        return
    line = refusal(capsys, "build", corpus, "--out", out, "--task", "counting")
    assert CONVENTIONS[kind][1] in line and "train.json" in line and "of 60 boxes" in line and "--trust-boxes" in line
    assert not out.exists()
    with pytest.raises(SARChatError, match=CONVENTIONS[kind][1]):
        live().download_and_prepare()
    # The user may know better.
    build(locate(corpus, trust_boxes=True), out, options)
    live(trust_boxes=True).download_and_prepare()
    assert parquet_sums(out)


def write_clipped(folder: Path, clipped: int) -> Path:
    """Write a corpus of 100 boxes, of which some reach past an edge on any side."""
    past = [(-2, 40, 30, 30), (40, -2, 30, 30), (390, 40, 30, 30), (40, 290, 30, 30)]
    inside = (100, 100, 30, 30)
    return write_corpus(
        folder,
        {
            "train": [
                Picture(f"{place:07d}.jpg", *SIDES, [("ship", *(past[place % 4] if place < clipped else inside))])
                for place in range(100)
            ]
        },
    )


@pytest.mark.parametrize("clipped", [0, 5, 6])
def test_boxes_that_were_clipped_are_counted_and_many_are_a_warning(tmp_path, capsys, clipped):
    corpus, out = write_clipped(tmp_path, clipped), tmp_path / "out"
    main(["build", str(corpus), "--out", str(out), "--task", "counting", "--no-pictures"])
    printed = capsys.readouterr()
    assert re.search(rf"^box: clipped to the image +{clipped} +{clipped}$", printed.out, re.M)
    assert f"| box: clipped to the image | {clipped} |" in (out / "README.md").read_text()
    warnings = [line for line in printed.err.splitlines() if "clipped" in line]
    assert len(warnings) == (clipped > 5) and all("6 of 100 boxes (6 %)" in line for line in warnings)
    coco = json.loads((corpus / "Annotations" / "train.json").read_text())
    past = [x < 0 or y < 0 or x + w > 400 or y + h > 300 for x, y, w, h in (box["bbox"] for box in coco["annotations"])]
    assert sum(past) == clipped


def test_a_box_that_is_left_out_is_not_clipped_too():
    tally: Counter[str] = Counter()
    past = RawBox(0, (-5.0, 5.0, 20.0, 20.0), False)
    clean([past, past, past._replace(ignored=True)], 100, 100, tally)
    assert tally[CLIPPED] == tally["duplicate"] == tally["crowd or ignore"] == 1
