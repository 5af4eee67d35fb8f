"""The draft of a corpus's description, from its labels: what is found is written, what is not decided is a comment."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from builders.core.errors import SARChatError
from builders.core.resources import dump_yaml
from builders.core.schema import SPLITS
from builders.corpus.categories import Naming, fitting_corpora
from builders.corpus.formats import coco
from builders.corpus.info import CorpusInfo, known_corpus, modality_nouns
from builders.corpus.label_formats import CALLED, SKIP, Candidate, Fault, SplitLabels, open_labels, registry
from builders.corpus.search import find_unread, search_labels, take_splits
from builders.corpus.source import Source, open_source
from builders.corpus.words import Words, draft_categories, near_duplicates

# What every draft contains.
DRAFT_MARK = b"# Drafted by `sarchat describe`."
# The known corpora that a draft names.
_MOST_KNOWN = 3
_NO_CATEGORIES = Naming(CorpusInfo("", (), ()))


class Draft(NamedTuple):
    """A draft.

    Attributes:
        text: the YAML file.
        categories: the number of categories.
        images: the number of images, with and without boxes.
        boxes: the number of boxes.
        open: what is not decided, or must be checked, in words.
    """

    text: str
    categories: int
    images: int
    boxes: int
    open: int


class _Read(NamedTuple):
    images: int
    counts: Counter[str]
    faults: Counter[str]
    without_box: list[str]
    names_with_tiles: bool


def draft_description(
    location: str,
    folder: Path,
    name: str | None = None,
    format: str = "",
    options: Mapping[str, Any] | None = None,
) -> Draft:
    """Draft the description of a corpus.

    Args:
        location: the corpus: a folder, a zip or a URL.
        folder: the folder that the description will be in; the corpus's folder is written relative to it.
        name: the corpus's name; by default that of its folder.
        format: the format of its labels; empty for any.
        options: options of the format.

    Raises:
        SARChatError: if there are no labels of any known format, or a file of them is wrong.
    """
    source = open_source(location)
    found = search_labels(source, format) or _other_coco(source, format)
    if not found:
        raise SARChatError(
            f"{location} contains no labels in a known layout of {', '.join(registry())}; write a YAML file with name, "
            "categories, format, and for each of splits its labels and images"
        )
    top, candidate = found[0]
    named, unnamed = take_splits(candidate)
    read = _read_labels(top, list((named or unnamed).values()), options or {})
    categories = draft_categories(dict(read.counts))
    notes: list[str] = []
    lines = [
        f"{DRAFT_MARK.decode()} Check what follows a #, then run `sarchat build` with this file.",
        *_entry("name", name or Path(location.rstrip("/")).name.removesuffix(".zip")),
        "# Not known: homepage, citation, and license, by the Hub's name, such as cc-by-4.0 or other.",
        f"# modality: {' | '.join(key for key in modality_nouns() if key != 'unknown')}",
    ]
    lines += _write_layouts(found, folder, notes)
    lines += _entry("options", dict(options)) if options else []
    lines += _write_faults(candidate, read, options or {}, notes)
    lines += _write_shares(named, read, notes)
    lines += [f"# {_number(read.images, 'image')}, {_number(read.counts.total(), 'box')}."]
    lines += _write_categories(categories, read, notes)
    return Draft("\n".join(lines) + "\n", len(categories), read.images, read.counts.total(), len(notes))


def _entry(key: str, value: object) -> list[str]:
    return dump_yaml({key: value}).rstrip().split("\n")


def _relative(location: str, folder: Path) -> str:
    if "://" in location:
        return location
    path, base = os.path.realpath(os.path.expanduser(location)), os.path.realpath(folder)
    relative = os.path.relpath(path, base)
    # A description travels with its corpus, but not with all of a disk.
    return path if relative.startswith(os.path.join("..", "..")) else Path(relative).as_posix()


def _other_coco(source: Source, format: str) -> list[tuple[Source, Candidate]]:
    """Return the JSON files in a folder whose layout is not known, by the split that their names have in them."""
    unread = find_unread(source, (), ()) if format in ("", "coco") else []
    images = [path.rstrip("/") for path in unread if path.endswith("/")]
    splits: dict[str, SplitLabels] = {}
    files = [path for path in unread if path.endswith(".json") and coco.begins_like_coco(source, path)]
    for path in files:
        words = re.split(r"[^a-z]+", path.rpartition("/")[2].lower().removesuffix(".json"))
        own = next((name for called in CALLED.values() for name in called if name and name in words), "")
        own = own if own or len(files) == 1 else path
        folder = next((folder for folder in images if own and own in folder.lower()), images[0] if images else "")
        splits[own if own not in splits else path] = SplitLabels("coco", path, folder)
    return [(source, Candidate("COCO files", splits))] if splits else []


def _read_labels(top: Source, splits: Sequence[SplitLabels], given: Mapping[str, Any]) -> _Read:
    """Count images, boxes and faults; faults do not stop it."""
    images, counts, faults, declared, tiles = 0, Counter[str](), Counter[str](), set[str](), False
    for labels in splits:
        options = {
            name: SKIP
            for name, option in registry()[labels.format].OPTIONS.items()
            if isinstance(option.choices, tuple) and SKIP in option.choices
        }
        opened = open_labels(top, replace(labels, options={**labels.options, **options, **given}))
        with opened.read(_NO_CATEGORIES) as annotations:
            images += annotations.count_images()
            counts += annotations.table.category_counts()
            faults += annotations.tally
            declared |= annotations.table.category_names()
            tiles = tiles or any("__" in name for name, _ in annotations.table.image_files())
    used = {name.lower() for name in counts}
    return _Read(images, counts, faults, sorted(declared - used), tiles)


def _write_layouts(found: Sequence[tuple[Source, Candidate]], folder: Path, notes: list[str]) -> Iterator[str]:
    first, *others = [_write_layout(top, candidate, folder) for top, candidate in found]
    if not others:
        yield f"# Layout: {found[0][1].name}."
        yield from first
    else:
        notes.append("layout")
        yield f"# {len(found)} layouts fit; remove the # before the lines of one. Categories are those of the first."
        for (_, candidate), lines in zip(found, (first, *others), strict=True):
            yield f"# Layout: {candidate.name}."
            yield from (f"# {line}" for line in lines)
    for own, labels in sorted(take_splits(found[0][1])[1].items()):
        notes.append("split")
        yield f"# {own!r} is not taken; if it is one of {', '.join(SPLITS)}, add it below splits:"
        yield f"#   test: {_inline(_files(labels))}"


def _write_layout(top: Source, candidate: Candidate, folder: Path) -> list[str]:
    formats = {labels.format for labels in candidate.splits.values()}
    named, _ = take_splits(candidate)
    return [
        *_entry("root", _relative(top.location, folder)),
        *(f"format: {format}" for format in sorted(formats)),
        "splits:",
        *(f"  {split}: {_inline(_files(labels))}" for split, labels in named.items()),
    ]


def _files(labels: SplitLabels) -> dict[str, Any]:
    files = {"labels": labels.labels, "images": labels.images, "listed": labels.listed, "options": dict(labels.options)}
    return {key: value for key, value in files.items() if value or key == "labels"}


def _inline(value: Any) -> str:  # noqa: ANN401
    text: str = dump_yaml([value], inline=True)
    return text.strip().removeprefix("[").removesuffix("]")


def _write_shares(named: Mapping[str, SplitLabels], read: _Read, notes: list[str]) -> Iterator[str]:
    if len(named) == 1:
        notes.append("shares")
        by = "prefix" if read.names_with_tiles else "image"
        why = "; by: prefix keeps the tiles of one image together" if read.names_with_tiles else ""
        yield f"# There is one split; remove the # to divide it, the same on every machine{why}:"
        yield f"# split: {{validation: 0.1, test: 0.1, by: {by}}}"


def _write_faults(candidate: Candidate, read: _Read, given: Mapping[str, Any], notes: list[str]) -> Iterator[str]:
    known = registry()[next(iter(candidate.splits.values())).format].OPTIONS
    found = [fault for fault in Fault if read.faults[fault.counted]]
    for fault in found:
        yield f"# Found: {read.faults[fault.counted]:,} {fault.message}."
    options = [fault.option for fault in found if fault.option not in given]
    refused = {option: SKIP for option in options if known[option].default != SKIP}
    if refused:
        notes.append("faults")
        yield "# They are an error, unless this line leaves them out:"
        yield f"# options: {_inline({**given, **refused})}"


def _write_categories(categories: Sequence[tuple[Words, int]], read: _Read, notes: list[str]) -> Iterator[str]:
    fitting = sorted(fitting_corpora(read.counts), key=lambda known: len(known_corpus(known).targets))
    if fitting and read.counts:
        known = ", ".join(fitting[:_MOST_KNOWN])
        yield f"# Known descriptions with these categories: {known}, for `sarchat build --corpus`."
    if read.without_box:
        yield f"# No box, and so no category: {', '.join(read.without_box)}."
    for one, other in near_duplicates(words.entry["name"] for words, _ in categories):
        notes.append("duplicate")
        yield f"# {one!r} and {other!r} are much alike: if they are one, list the second in also: of the first."
    yield "categories:"
    for words, number in categories:
        notes += words.notes
        yield f"  - {_inline(words.entry)}  # {'; '.join([_number(number, 'box'), *words.notes])}"
    if not categories:
        yield "  []  # no boxes were found"


def _number(number: int, noun: str) -> str:
    plural = "es" if noun == "box" else "s"
    return f"{number:,} {noun}" + ("" if number == 1 else plural)
