"""TRL: prompt and completion, since with `messages` every token would be a target, including those of the image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from builders.data.columns import IMAGE, features_metadata
from builders.export.format import Export, Format
from builders.export.record import ExportRecord, reward_columns


def convert(record: ExportRecord) -> dict[str, Any]:
    """Return a row of TRL's conversational prompt-completion format, with the columns of the reward."""
    return {
        "id": record.id,
        "prompt": [{"role": "user", "content": record.question}],
        "completion": [{"role": "assistant", "content": record.answer}],
        "image": {"bytes": None, "path": record.image},
        **reward_columns(record),
    }


def convert_dialogue(record: ExportRecord) -> dict[str, Any]:
    """Return a row of messages; with `assistant_only_loss`, each answer is learned."""
    messages = [
        {"role": role, "content": text}
        for turn in record.turns
        for role, text in zip(("user", "assistant"), turn, strict=True)
    ]
    return {"id": record.id, "messages": messages, "image": {"bytes": None, "path": record.image}}


def skips(name: str, export: Export) -> bool:
    """Return whether a side file does not fit: nothing is trained, or it is for a reward, which no dialogue has."""
    return not export.training or (export.is_of_dialogues and "grpo" in name)


def values(export: Export) -> Mapping[str, str]:
    """Return the files to train and to evaluate on, as the YAML of a data set's splits, and the loss, and when."""
    splits = {"train": export.training, "validation": export.evaluation}
    files = {split: [table.name for table in tables] for split, tables in splits.items() if tables}
    loss = "\n# Of a dialogue, each answer is learned; needs transformers 5.18.\nassistant_only_loss: true"
    return {
        "splits": "\n".join(f"      - {{split: {split}, path: {json.dumps(names)}}}" for split, names in files.items()),
        "evaluation": "steps" if export.evaluation else '"no"',
        "loss": loss if export.is_of_dialogues else "",
    }


def with_features(schema: pa.Schema) -> pa.Schema:
    """Return the schema with its `datasets` features, so that the column `image` is decoded by `datasets`.

    Given only a path, transformers leaves decoding to torchvision, which cannot read BMP.
    """
    schema = schema.set(schema.get_field_index("image"), pa.field("image", IMAGE))
    return schema.with_metadata(features_metadata(schema))


FORMATS = [
    Format(
        "trl",
        convert,
        values,
        suffix=".parquet",
        box_format="qwen2.5-vl",
        skips=skips,
        schema=with_features,
        draws_samples=False,
        dialogue=convert_dialogue,
    )
]
