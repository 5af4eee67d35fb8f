"""Where the labels of a corpus are: by its description or its layout; and what it contains besides them."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from builders.core.errors import SARChatError
from builders.core.schema import SPLITS
from builders.corpus.info import CorpusInfo
from builders.corpus.label_folder import known_layouts
from builders.corpus.label_formats import CALLED, Candidate, SplitLabels, find_candidates, registry
from builders.corpus.source import IMAGES, Source, join

_ANNOTATIONS = (".json", ".parquet")
# Names of annotation files; others, such as package.json, do not belong to a corpus.
_LIKE_ANNOTATIONS = re.compile(r"annot|instances|coco|(^|/)(train|val|test|dev)[^/]*$", re.IGNORECASE)
# The mark of a folder that `sarchat build` wrote, perhaps inside its source.
_BUILD = "build.json"
_DEEPEST = 2
_LOG = logging.getLogger(__name__)
# The files and folders that a message names.
_MOST_UNREAD = 10
HOW_TO_NAME = "or name the files with --annotations SPLIT=FILE and --images DIR, or in a YAML file (`sarchat describe`)"
_DESCRIBED = "described"


# Where the labels of a corpus are: the top folder, what the layout is called, and the labels of each split.
Found = tuple[Source, str, dict[str, SplitLabels]]


def find_labels(source: Source, info: CorpusInfo) -> Found:
    """Find the labels of a corpus; errors as in `find_corpus`."""
    if info.splits:
        return _described_labels(source, info)
    found = search_labels(source, info.format)
    if len(found) > 1:
        places = ", ".join(_show(top, candidate) for top, candidate in found)
        formats = {labels.format for _, candidate in found for labels in candidate.splits.values()}
        choose = f"--format {'|'.join(sorted(formats))}, " if len(formats) > 1 else ""
        raise SARChatError(
            f"{source.location} contains more than one corpus: {places}; choose one: give its folder, {choose}"
            f"{HOW_TO_NAME}"
        )
    if not found:
        raise SARChatError(f"{source.location} contains no annotations: {_describe_search(source, info.format)}")
    top, candidate = found[0]
    splits = name_splits(candidate, top.location)
    return top, candidate.name, {split: _with_options(labels, info) for split, labels in splits.items()}


def search_labels(source: Source, format: str = "") -> list[tuple[Source, Candidate]]:
    """Return the corpora in a folder, or else in the folders in it: their top folders and labels.

    Args:
        source: the folder.
        format: the format of the labels; empty for any.
    """
    for tops in ([source], [source.inside(folder) for folder in source.folders()]):
        found = [(top, candidate) for top in tops for candidate in find_candidates(top, format)]
        if found:
            return found
    return []


def name_splits(candidate: Candidate, place: str) -> dict[str, SplitLabels]:
    """Return the labels of each split, by the split's own name: `validation` for `valid`.

    Args:
        candidate: a corpus, whose folders may call the splits otherwise.
        place: the corpus, for messages.

    Raises:
        SARChatError: if it is not clear which split a name means.
    """
    splits, others = take_splits(candidate)
    if "train" in splits:
        others.pop("trainval", None)
    unclear = [name for name in sorted(others) if name.partition("/")[0] not in splits]
    if unclear:
        raise SARChatError(
            f"{place}: it is not clear which splits {', '.join(map(repr, unclear))} are; say so in a YAML file, which "
            f"`sarchat describe` drafts"
        )
    if others:
        read = sorted(candidate.splits.keys() - others.keys())
        _LOG.warning("%s: the splits %s are not read; %s are", place, ", ".join(sorted(others)), ", ".join(read))
    return splits


def take_splits(candidate: Candidate) -> tuple[dict[str, SplitLabels], dict[str, SplitLabels]]:
    """Return the labels of the splits whose names are clear, and those of others by their own names."""
    splits: dict[str, SplitLabels] = {}
    others = dict(candidate.splits)
    for split, names in CALLED.items():
        own = next((own for own in names if own in others), None)
        if own is not None:
            splits[split] = others.pop(own)
    return splits, others


def _described_labels(source: Source, info: CorpusInfo) -> Found:
    """Return the labels that a description names. Of an included one, splits may be missing."""
    splits = {
        split: _with_options(SplitLabels(**{"format": info.format or "coco", **info.splits[split]}), info)
        for split in SPLITS
        if split in info.splits
    }
    if info.root:
        return source, _DESCRIBED, splits
    for top in (source, *(source.inside(folder) for folder in source.folders())):
        found = {
            split: labels for split, labels in splits.items() if top.is_file(labels.labels) or top.is_dir(labels.labels)
        }
        if found:
            return top, _DESCRIBED, found
    expected = ", ".join(dict.fromkeys(labels.labels for labels in splits.values()))
    raise SARChatError(
        f"{source.location}: {info.name} has its labels in {expected}, and none of these exists, nor in one of its "
        f"folders; give its folder, or --format to look for another layout, {HOW_TO_NAME}"
    )


def _with_options(labels: SplitLabels, info: CorpusInfo) -> SplitLabels:
    return replace(labels, options={**info.options, **labels.options})


def _show(top: Source, candidate: Candidate) -> str:
    labels = next(iter(candidate.splits.values()))
    return f"{top.show(labels.labels)} ({labels.format}: {candidate.name})"


def _describe_search(source: Source, format: str) -> str:
    if source.is_archive and any("\\" in name for name, _ in source.list_sizes("")):
        return "its paths have backslashes instead of slashes; unpack it, and give the folder"
    others = [name for name in registry() if name != "coco"]
    coco = [
        layout.labels.format(split="{" + ",".join(map(layout.name_of, SPLITS)) + "}")
        for layout in known_layouts("coco")
    ]
    expected = ", ".join(
        ([] if format in others else coco)
        + ([f"labels in the format {format or ' or '.join(others)}"] if others and format != "coco" else [])
    )
    # Listing a remote tree may take long.
    found = find_unread(source, (), ()) if source.is_local_folder or source.is_archive else []
    instead = f", but found {enumerate_paths(found)}" if found else ""
    return (
        f"expected {expected}, in it or in one of its folders{instead}; give the folder or zip of the corpus, "
        f"{HOW_TO_NAME}"
    )


def enumerate_paths(paths: Sequence[str]) -> str:
    """Return paths as a list in a sentence, of which the first ones are named."""
    more = f" and {len(paths) - _MOST_UNREAD:,} more" if len(paths) > _MOST_UNREAD else ""
    return ", ".join(paths[:_MOST_UNREAD]) + more


def find_unread(source: Source, files: Collection[str], images: Collection[str]) -> list[str]:
    """Find annotation files and folders of images that are not read, in the top folder and two levels below.

    Args:
        source: the corpus's files.
        files: the paths of the annotation files that are read; if there are none, all other files of their kind count.
        images: the paths of the folders of images that are read; what is in them is not looked at.

    Returns:
        The paths, sorted; those of folders end in `/`.

    Raises:
        SARChatError: if a folder cannot be listed.
    """
    return sorted(_walk(source, "", files, frozenset(images), 0))


def _walk(source: Source, folder: str, files: Collection[str], images: Collection[str], depth: int) -> Iterator[str]:
    names = source.files(folder)
    if folder and _BUILD in names:
        return
    for path in (join(folder, name) for name in names if name.lower().endswith(_ANNOTATIONS)):
        if path not in files and (not files or _LIKE_ANNOTATIONS.search(path)):
            yield path
    if folder and any(name.lower().endswith(IMAGES) for name in names):
        yield f"{folder}/"
    if depth < _DEEPEST:
        for name in source.folders(folder):
            path = join(folder, name)
            if path not in images:
                yield from _walk(source, path, files, images, depth + 1)
