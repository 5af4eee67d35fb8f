"""The dataset card: YAML that `datasets` and the Hub read, and the text of `dataset_card/dataset.md`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import yaml

from builders.sardet import SPLITS
from builders.shards import ShardFile
from builders.tasks import TASKS

_SIZES = [(1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")]
_LARGEST_SIZE = "1M<n<10M"


def write_card(folder: Path, shards: Sequence[ShardFile], *, embed: bool) -> None:
    """Write the folder's `README.md`.

    Args:
        folder: the build.
        shards: its Parquet files.
        embed: whether the images' bytes are in them.
    """
    built = [task for task in TASKS if any(shard.task == task for shard in shards)]
    template = Template(_resource("dataset.md"))
    text = template.substitute(
        metadata=yaml.safe_dump(card_metadata(shards), sort_keys=False, allow_unicode=True, width=120),
        name="sarchat",
        first_config=built[-1],
        counts=_count_table(shards, built),
    )
    (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")


def card_metadata(shards: Sequence[ShardFile]) -> dict[str, Any]:
    """Return the card's YAML as a dict: licence, tags, and for each config its files, columns and true counts.

    The config `all` lists the files of all tasks: nothing is stored for it.
    """
    tasks = [task for task in TASKS if any(shard.task == task for shard in shards)]
    configs = {"all": tasks, **{task: [task] for task in tasks}}
    metadata = yaml.safe_load(_resource("metadata.yaml"))
    metadata["size_categories"] = [_size_category(sum(shard.rows for shard in shards))]
    metadata["configs"] = [_config(name, members, shards) for name, members in configs.items()]
    metadata["dataset_info"] = [_dataset_info(name, members, shards) for name, members in configs.items()]
    return metadata


def _config(name: str, tasks: Sequence[str], shards: Sequence[ShardFile]) -> dict[str, Any]:
    data_files = []
    for split in SPLITS:
        paths = [f"{task}/{split}-*.parquet" for task in tasks if _select(shards, [task], split)]
        if paths:
            data_files.append({"split": split, "path": paths if len(paths) > 1 else paths[0]})
    return {"config_name": name, **({"default": True} if name == "all" else {}), "data_files": data_files}


def _dataset_info(name: str, tasks: Sequence[str], shards: Sequence[ShardFile]) -> dict[str, Any]:
    splits = []
    for split in SPLITS:
        selected = _select(shards, tasks, split)
        if selected:
            splits.append(
                {
                    "name": split,
                    "num_bytes": sum(shard.dense_bytes for shard in selected),
                    "num_examples": sum(shard.rows for shard in selected),
                }
            )
    return {
        "config_name": name,
        "features": yaml.safe_load(_resource("features.yaml")),
        "splits": splits,
        "download_size": sum(shard.file_bytes for split in SPLITS for shard in _select(shards, tasks, split)),
        "dataset_size": sum(split["num_bytes"] for split in splits),
    }


def _select(shards: Sequence[ShardFile], tasks: Sequence[str], split: str) -> list[ShardFile]:
    return [shard for shard in shards if shard.task in tasks and shard.split == split]


def _size_category(rows: int) -> str:
    return next((name for limit, name in _SIZES if rows < limit), _LARGEST_SIZE)


def _count_table(shards: Sequence[ShardFile], tasks: Sequence[str]) -> str:
    lines = [f"| task | {' | '.join(SPLITS)} |", f"|---|{'---:|' * len(SPLITS)}"]
    for task in tasks:
        counts = (sum(shard.rows for shard in _select(shards, [task], split)) for split in SPLITS)
        lines.append(f"| {task} | {' | '.join(f'{count:,}' for count in counts)} |")
    return "\n".join(lines)


def _resource(name: str) -> str:
    return files("dataset_card").joinpath(name).read_text(encoding="utf-8")
