"""verl: Parquet of prompts, with the columns of its reward function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from builders.export.format import Export, Format, Table
from builders.export.record import ExportRecord, reward_columns


def convert(record: ExportRecord) -> dict[str, Any]:
    """Return a row; `extra_info` holds the columns of the reward and the record's id."""
    columns = reward_columns(record)
    gold = columns.pop("solution")
    return {
        "data_source": "sarchat",
        "prompt": [{"role": "user", "content": f"<image>{record.question}"}],
        "images": [{"image": record.image}],
        "ability": record.task,
        "reward_model": {"style": "rule", "ground_truth": gold},
        "extra_info": {"id": record.id, **columns},
    }


def values(export: Export) -> Mapping[str, str]:
    """Return the files for training and for validation, as Hydra lists."""
    return {"train_files": _list(export.training), "val_files": _list(export.evaluation or export.training)}


def _list(tables: Sequence[Table]) -> str:
    # In double quotes of the shell, for a folder of any name.
    return "[" + ",".join(f"'$HERE/{table.name}'" for table in tables) + "]"


FORMATS = [Format("verl", convert, values, suffix=".parquet", box_format="qwen2.5-vl", draws_samples=False)]
