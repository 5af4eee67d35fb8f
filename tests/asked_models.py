"""Stand-ins for models: they know the gold answer of every question of a data set."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

from chat_server import Asked
from PIL import Image

from builders.data.open_data import open_data
from builders.scoring.scoring import evaluate_file


class Gold:
    """Answers with the gold text, found by the image's pixels and the question; anything else is an error."""

    def __init__(self, location: object, split: str = "test") -> None:
        data = open_data(str(location))
        self.answers: dict[tuple[str, str], str] = {}
        self.ids: list[str] = []
        for task in data.select("all", split):
            for row in data.rows(task, split):
                question, answer = (message["content"] for message in row["messages"])
                key = (hash_pixels(row["image"].read()), question)
                assert self.answers.setdefault(key, answer) == answer, "one question with two answers"
                self.ids.append(row["id"])

    def __call__(self, asked: Asked) -> str:
        return self.answers[hash_pixels(asked.image), asked.question]


def hash_pixels(content: bytes) -> str:
    """The same for a BMP and for the PNG that is sent in its place."""
    with Image.open(io.BytesIO(content)) as image:
        return hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()


def read_lines(path: Path) -> list[dict]:
    content = path.read_text(encoding="utf-8")
    assert content == "" or content.endswith("\n")
    return [json.loads(line) for line in content.splitlines()]


def assert_all_gold(path: Path, location: object, ids: list[str], **options: object) -> None:
    """Every record has one answer, and all answers together score 100."""
    assert sorted(line["id"] for line in read_lines(path)) == sorted(ids)
    scores = evaluate_file(path, location, "all", "test", "sample", **options)
    assert scores.missing == 0
    assert {key: value for key, value in scores.flat.items() if isinstance(value, float) and value != 100} == {}
