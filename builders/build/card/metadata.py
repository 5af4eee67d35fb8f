"""The card's YAML, which `datasets` uses for loading and the Hub for display and search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from builders.build.card.contents import Contents
from builders.core.resources import read_yaml
from builders.core.schema import ALL, feature_specs, task_facts
from builders.corpus.info import CorpusInfo
from builders.data.origin import Origin

# The bounds of the Hub's classes of sizes, in powers of ten: https://huggingface.co/docs/hub/datasets-cards
_BOUNDS = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")


def card_metadata(contents: Contents, corpus: CorpusInfo, origin: Origin) -> dict[str, Any]:
    """Return the card's YAML as a dict: licence, tags, and for each config its files, columns and counts.

    The config `all` lists the files of its tasks: nothing is stored for it. It is the default, if there is one.
    """
    tasks = contents.tasks
    configs = {ALL: contents.in_all, **{task: [task] for task in tasks}}
    configs = {name: members for name, members in configs.items() if members}
    texts = task_facts()
    metadata = read_yaml("metadata.yaml", "dataset_card") | {"license": origin.license or "unknown"}
    if origin.kind == "sample":
        metadata["source_datasets"] = ["original"]
    elif origin.kind == "own":
        del metadata["source_datasets"]
    metadata["task_categories"] = list(
        dict.fromkeys([*metadata["task_categories"], *(texts[task]["hub"] for task in tasks)])
    )
    metadata["tags"] = [*corpus.tags, *metadata["tags"]]
    metadata["size_categories"] = [size_category(contents.count())]
    metadata["configs"] = [_config(name, members, contents) for name, members in configs.items()]
    metadata["dataset_info"] = [_dataset_info(name, members, contents, corpus) for name, members in configs.items()]
    return metadata


def _config(name: str, tasks: Sequence[str], contents: Contents) -> dict[str, Any]:
    data_files = []
    for split in contents.splits:
        paths = [f"{task}/{split}-*.parquet" for task in tasks if contents.has(task, split)]
        if paths:
            data_files.append({"split": split, "path": paths if len(paths) > 1 else paths[0]})
    return {"config_name": name, **({"default": True} if name == ALL else {}), "data_files": data_files}


def _dataset_info(name: str, tasks: Sequence[str], contents: Contents, corpus: CorpusInfo) -> dict[str, Any]:
    files = [file for file in contents.files if file.task in tasks]
    splits = [
        {
            "name": split,
            "num_bytes": sum(file.dense_bytes for file in files if file.split == split),
            "num_examples": contents.count(tasks, split),
        }
        for split in contents.splits
        if any(file.split == split for file in files)
    ]
    return {
        "config_name": name,
        "features": feature_specs(corpus.names, oriented=corpus.oriented),
        "splits": splits,
        "download_size": sum(file.file_bytes for file in files),
        "dataset_size": sum(split["num_bytes"] for split in splits),
    }


def size_category(rows: int) -> str:
    """Return the Hub's class of a data set with a number of rows."""
    above = [bound for power, bound in enumerate(_BOUNDS, 3) if rows >= 10**power]
    below = _BOUNDS[len(above) : len(above) + 1]
    if not below:
        return f"n>{above[-1]}"
    return "<".join([*above[-1:], "n", *below])
