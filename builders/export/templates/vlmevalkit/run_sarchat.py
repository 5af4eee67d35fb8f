"""Runs VLMEvalKit with SARChat among its data sets (tried with e8e78f0, August 2026).

    cd VLMEvalKit
    python HERE/run_sarchat.py --data SARChat --model Qwen2.5-VL-7B-Instruct

All arguments are those of its `run.py`. Data sets are SARChat (all tasks) and SARChat_TASK. This package must be
installed beside VLMEvalKit; every figure comes from its metric.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

# Without it, predictions are written as Excel, which cuts long answers.
os.environ.setdefault("PRED_FORMAT", "tsv")
sys.path.insert(0, str(Path.cwd()))

import pandas as pd
import vlmeval.dataset
from vlmeval.dataset.image_base import ImageBaseDataset

from builders.core.schema import TASKS
from builders.scoring.exported import figures, score_row, show_images_as_written
from builders.scoring.readers import AnswerSource, read_answers

HERE = Path(__file__).resolve().parent
NAME = "SARChat"
# Numbers of the table that the notation of boxes needs.
SIZES = ("width", "height", "input_width", "input_height")


def read_table(paths: Sequence[Path]) -> pd.DataFrame:
    """Read files whose cells are texts: "NA" and "2" stay as they are."""
    tables = [pd.read_csv(path, sep="\t", dtype=str, na_filter=False) for path in paths]
    return pd.concat(tables, ignore_index=True)


class SARChat(ImageBaseDataset):
    """SARChat's tasks, questions about radar images whose answers hold categories, places and boxes."""

    # A type of its own: models add their own prompts to the types that they know.
    TYPE = NAME

    @classmethod
    def supported_datasets(cls) -> list[str]:
        """Return the names: all tasks together, and each alone."""
        return [NAME, *(f"{NAME}_{task}" for task in TASKS if files_of(f"{NAME}_{task}"))]

    def load_data(self, dataset: str) -> pd.DataFrame:
        """Return the records of a data set; many rows name one image."""
        data = read_table(files_of(dataset))
        data.insert(0, "index", range(len(data)))
        data["image_path"] = [str(HERE / name) for name in data["image_path"]]
        return data

    @classmethod
    def evaluate(cls, eval_file: str, **judge_kwargs: object) -> dict[str, float]:
        """Score a file of predictions; write the figures beside it as `..._sarchat.json`, and return them."""
        answers = read_answers(AnswerSource(eval_file, "vlmevalkit"))
        results = []
        rows = {row["id"]: row for row in read_table(files_of(NAME)).to_dict("records")}
        for answer in answers:
            row = rows[answer.id]
            results.append(score_row(answer.text, row | {name: int(row[name]) for name in SIZES if row.get(name)}))
        found = figures(results)
        path = Path(eval_file)
        path.with_name(f"{path.stem}_sarchat.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        return found


def files_of(name: str) -> list[Path]:
    """Return the files of a data set, in the order of the tasks."""
    wanted = TASKS if name == NAME else [name.removeprefix(f"{NAME}_")]
    return [path for task in wanted for path in sorted(HERE.glob(f"{task}-*.tsv"))]


if __name__ == "__main__":
    vlmeval.dataset.DATASET_CLASSES.append(SARChat)
    vlmeval.dataset.SUPPORTED_DATASETS.extend(SARChat.supported_datasets())
    from vlmeval.config import supported_VLM

    show_images_as_written(supported_VLM, json.loads((HERE / "export.json").read_text(encoding="utf-8"))["resize"])
    sys.argv[0] = "run.py"
    runpy.run_path("run.py", run_name="__main__")
