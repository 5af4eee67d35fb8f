"""The state of an unfinished build, as JSON: an outline of what determines its bytes, and the receipts of its jobs."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from builders.build.card.contents import Summary
from builders.build.options import BuildOptions
from builders.build.plan import Plan, ShardJob, writer_versions
from builders.build.scale.object_folder import Stored
from builders.build.shards import Receipt
from builders.core.checksums import hash_bytes, hash_text
from builders.core.errors import SARChatError
from builders.core.resources import load_json
from builders.core.schema import package_version
from builders.data.analysis.statistics import TextStatistics
from builders.data.analysis.targets import TargetCounts
from builders.data.reader import ParquetFile

_DRAWING = ("matplotlib", "numpy", "pillow")


def outline(plan: Plan, options: BuildOptions) -> str:
    """Return the outline of a build as JSON.

    It has no path of a machine, no credentials, and nothing about processes.
    """
    drawing = {package: package_version(package) for package in _DRAWING} if options.pictures else {}
    content = {
        "fingerprint": plan.fingerprint,
        "source": dict(plan.source),
        **options.content(),
        "sample": options.sample,
        "pictures": options.pictures,
        "check_images": options.check_images,
        "cut": _hash(map(_describe_cut, plan.jobs)),
        "versions": writer_versions() | drawing,
    }
    return json.dumps(content, sort_keys=True)


def check_same(ours: str, stored: bytes, location: str) -> None:
    """Check that the outline that is stored at a location is this one.

    Raises:
        SARChatError: if it is another one, or none.
    """
    if stored == ours.encode():
        return
    own, theirs = json.loads(ours), {}
    with suppress(ValueError, TypeError):
        theirs = dict(load_json(stored.decode()))
    other = sorted(name for name in own if own[name] != theirs.get(name))
    raise SARChatError(
        f"{location} is the plan of another build, which is not finished: {', '.join(other) or 'its content'} "
        "differs; finish that build with its own options and versions, or choose a new prefix with --out"
    )


def describe_input(job: ShardJob) -> str:
    """Return a hash of a job's files and of what is known of its images, such as their sizes."""
    return _hash([_describe_cut(job), hash_bytes(job.own_index())])


def _describe_cut(job: ShardJob) -> str:
    return f"{job.split}:{job.count}:{','.join(path.as_posix() for path in job.paths.values())}"


def _hash(lines: Iterable[str]) -> str:
    return hash_text("\n".join(lines))


def encode_receipt(receipt: Receipt, stored: Mapping[str, Stored]) -> bytes:
    """Encode a receipt, and what storage says of its objects."""
    content = {
        "split": receipt.split,
        "files": [{**asdict(file), "path": file.path.as_posix()} for file in receipt.files],
        "targets": receipt.summary.targets,
        "texts": receipt.summary.texts,
        "examples": dict(receipt.summary.examples),
        "stored": stored,
    }
    # Keys stay in their order, in which the card shows a record's columns. Most counts are zeros.
    return gzip.compress(json.dumps(content, default=np.ndarray.tolist).encode(), mtime=0)


def decode_receipt(encoded: bytes | None) -> tuple[Receipt, dict[str, Stored]] | None:
    """Return a receipt and what was stored; `None` if there is none, or the checksum of gzip says that it changed."""
    try:
        content = load_json(gzip.decompress(encoded or b"").decode())
    except (OSError, EOFError, ValueError, zlib.error):
        return None
    files = [ParquetFile(**{**file, "path": Path(file["path"])}) for file in content["files"]]
    messages, sentences, frequencies = content["texts"]
    texts = TextStatistics(messages, sentences, Counter(frequencies))
    targets = None
    if content["targets"]:
        names, *counts = content["targets"]
        targets = TargetCounts(tuple(names), *(np.array(table, int) for table in counts))
    stored = {name: Stored(*entry) for name, entry in content["stored"].items()}
    return Receipt(content["split"], files, Summary(targets, texts, content["examples"])), stored
