"""Building into object storage, where nothing can be moved into place: many may write, stop and resume one build.

Its state is in the bucket alone: the plan, which only the first one creates; per job a receipt, which is written after
the job's objects; and `SHA256SUMS`, the last object and the sign that the build is finished. Every object is written
whole, and has the same bytes whoever writes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from builders.build.built_files import is_built_file
from builders.build.documents import write_documents
from builders.build.engines.engine import Advance
from builders.build.options import BuildOptions
from builders.build.outline import check_same, describe_input, outline
from builders.build.plan import Plan, ShardJob, make_plan, publish_index
from builders.build.receipt import Receipt, Written, gather
from builders.build.shards import ShardWriter, run_jobs, split_of_texts
from builders.build.writer_versions import check_versions, writer_versions
from builders.corpus.location import Location
from builders.corpus.sardet import Corpus
from builders.digests import hash_text
from builders.errors import SARChatError
from builders.folder.checksums import SUMS
from builders.folder.object_folder import ObjectFolder
from builders.folder.parquet_file import ParquetFile
from builders.folder.reader import CARD
from builders.processes import scratch_folder
from builders.resources import load_json
from builders.storage import REQUESTS_AT_ONCE
from builders.temporary import is_temporary

# What is removed once the build is finished.
_BUILDING = ".building/"
_PLAN = f"{_BUILDING}plan.json"
_INDICES = f"{_BUILDING}index"
_OF_STATE = re.compile(
    rf"{re.escape(_BUILDING)}(?:plan\.json|done/[a-z]+-[0-9]{{5,}}\.json|index/[^/]+-[0-9a-f]{{32}}\.parquet)"
)
# The engine whose workers read files of this machine.
_ON_THIS_MACHINE = "processes"


def build_in_storage(
    corpus: Corpus, location: Location, url: str, options: BuildOptions
) -> tuple[Plan, Sequence[ParquetFile], int]:
    """Build into a folder in object storage, or go on with a build that was stopped there.

    Args:
        corpus: the corpus.
        location: where it is, for the workers.
        url: the folder's URL.
        options: what to build and how.

    Returns:
        The plan, the Parquet files, and the size of all objects in bytes.

    Raises:
        SARChatError: if the corpus is wrong; if there is something else at the URL, a finished build, or another one
            that is not finished; if storage fails for longer than a moment.
    """
    _check_options(url, options)
    folder = ObjectFolder(url)
    # Before planning, which may take minutes.
    _check_place(folder)
    with scratch_folder() as indices:
        plan = make_plan(corpus, location, Path(), options, indices)
        stored = folder.create(_PLAN, _encode(content := outline(plan, options)))
        check_same(content, stored, folder.url(_PLAN))
        try:
            if options.engine != _ON_THIS_MACHINE:
                plan = publish_index(plan, folder.url(_INDICES))
            with closing(_run_jobs(folder, plan, options)) as receipts:
                written = gather(receipts)
        except SARChatError:
            # Perhaps another command has finished the build, and removed what this one was about to read.
            _check_place(folder)
            raise
    with scratch_folder() as scratch:
        write_documents(scratch, written, plan, corpus, options)
        total = _finish(folder, scratch, written)
    return plan, written.files, total


def _check_options(url: str, options: BuildOptions) -> None:
    if not options.embed:
        raise SARChatError(
            f"--no-embed stores paths of this machine, which are of no use in {url}; build with --embed, or into a "
            "local folder"
        )
    in_this_process = options.engine == _ON_THIS_MACHINE and options.num_proc in (None, 1)
    if urlsplit(url).scheme == "memory" and not in_this_process:
        raise SARChatError(f"{url} is the memory of one process; build with --num-proc 1")


def _check_place(folder: ObjectFolder) -> None:
    """Check that a folder is empty or holds a build that is not finished; its plan is compared later.

    Raises:
        SARChatError: if it holds something else.
    """
    names = sorted(folder.sizes())
    foreign = [name for name in names if not (is_built_file(name) or name == SUMS or _is_temporary(name))]
    if foreign or (names and not {SUMS, _PLAN} & {*names}):
        raise SARChatError(
            f"{folder.location} holds objects of something else, such as {(foreign or names)[0]}; choose a new prefix "
            "with --out"
        )
    if SUMS in names:
        # A build was stopped when it cleaned up, or another process was still at work.
        folder.remove(filter(_is_temporary, names))
        raise SARChatError(
            f"{folder.location} holds a finished build, which cannot be replaced in one step; choose a new prefix with "
            "--out"
        )


def _is_temporary(name: str) -> bool:
    return _OF_STATE.fullmatch(name) is not None or is_temporary(Path(name))


@dataclass(frozen=True)
class _Job:
    """A job, and the name of its receipt."""

    shard: ShardJob
    receipt: str

    @property
    def count(self) -> int:
        """The number of images."""
        return self.shard.count


def _name_receipts(jobs: Sequence[ShardJob]) -> Iterator[_Job]:
    numbers: dict[str, int] = {}
    for job in jobs:
        number = numbers[job.split] = numbers.get(job.split, -1) + 1
        # A job of images without a record has no files.
        if job.paths:
            yield _Job(job, f"{_BUILDING}done/{job.split}-{number:05d}.json")


@dataclass(frozen=True)
class _Uploader:
    """The work of a job: writing a shard on this machine, then its objects, then its receipt.

    Attributes:
        folder: where the objects go.
        write: writes and summarizes a shard.
        versions: those with which the build was planned.
    """

    folder: ObjectFolder
    write: ShardWriter
    versions: Mapping[str, str]

    def __call__(self, job: _Job, advance: Advance) -> Receipt:
        check_versions(self.versions)
        with scratch_folder() as scratch:
            here = {task: scratch / path for task, path in job.shard.paths.items()}
            done = self.write(replace(job.shard, paths=here), advance)
            receipt = replace(done, files=[replace(file, path=file.path.relative_to(scratch)) for file in done.files])
            for file in done.files:
                # Ends the work here if the build was stopped.
                advance(0)
                self.folder.put(file.path, file.path.relative_to(scratch).as_posix())
            proof = scratch / "receipt.json"
            proof.write_bytes(_seal({"input": describe_input(job.shard), "receipt": receipt.to_json()}))
            self.folder.put(proof, job.receipt)
        return receipt


def _run_jobs(folder: ObjectFolder, plan: Plan, options: BuildOptions) -> Generator[Receipt, None, None]:
    """Yield the receipts of all jobs: first the stored ones, then those of jobs that are done now."""
    jobs = list(_name_receipts(plan.jobs))
    done: set[str] = set()
    for job, receipt in _find_done(folder, jobs):
        done.add(job.receipt)
        yield receipt
    waiting = [job for job in jobs if job.receipt not in done]
    if not waiting:
        return
    work = _Uploader(folder, ShardWriter(split_of_texts(plan.jobs)), writer_versions())
    images_done = sum(job.count for job in jobs if job.receipt in done)
    with closing(run_jobs(work, waiting, options, images_done)) as finished:
        for _, receipt in finished:
            yield receipt


def _find_done(folder: ObjectFolder, jobs: Sequence[_Job]) -> Iterator[tuple[_Job, Receipt]]:
    """Yield the jobs that have a receipt and all of its objects, by one listing."""
    sizes = folder.sizes()
    stored = [job for job in jobs if job.receipt in sizes]
    for start in range(0, len(stored), REQUESTS_AT_ONCE):
        some = stored[start : start + REQUESTS_AT_ONCE]
        contents = folder.read([job.receipt for job in some])
        for job in some:
            receipt = _accept(contents[job.receipt], job.shard, sizes)
            if receipt is not None:
                yield job, receipt


def _accept(stored: bytes, job: ShardJob, sizes: Mapping[str, int]) -> Receipt | None:
    """Return a receipt if it is that of a job and of its images, and all of its objects are stored with their sizes."""
    content = _unseal(stored)
    if content is None or content["input"] != describe_input(job):
        return None
    receipt = Receipt.from_json(content["receipt"])
    has_objects = {file.path for file in receipt.files} == {*job.paths.values()} and all(
        sizes.get(file.path.as_posix()) == file.file_bytes for file in receipt.files
    )
    return receipt if has_objects else None


def _seal(content: Mapping[str, Any]) -> bytes:
    """Encode a content with its digest: what was changed or cut off in storage since is not read."""
    return _encode({"digest": _digest(content), "content": content})


def _unseal(stored: bytes) -> dict[str, Any] | None:
    try:
        found = load_json(stored.decode())
        return found["content"] if found["digest"] == _digest(found["content"]) else None
    except (ValueError, KeyError, TypeError):
        return None


def _digest(content: Mapping[str, Any]) -> str:
    return hash_text(json.dumps(content))


def _finish(folder: ObjectFolder, documents: Path, written: Written) -> int:
    """Write what a build has beside its shards, its checksums last; return the size of all objects in bytes."""
    sizes = folder.sizes()
    for file in written.files:
        name = file.path.as_posix()
        if sizes.get(name) != file.file_bytes:
            raise SARChatError(
                f"{folder.url(name)} was written with {file.file_bytes} bytes, and now "
                f"{'has ' + str(sizes[name]) if name in sizes else 'is missing'}; run the command again"
            )
    paths = sorted(path for path in documents.rglob("*") if path.is_file())
    for path in sorted(paths, key=lambda path: [CARD, SUMS].index(path.name) + 1 if path.name in (CARD, SUMS) else 0):
        folder.put(path, path.relative_to(documents).as_posix())
    folder.remove(filter(_is_temporary, folder.sizes()))
    return sum(file.file_bytes for file in written.files) + sum(path.stat().st_size for path in paths)


def _encode(content: Mapping[str, Any]) -> bytes:
    # Keys stay in their order, in which the card shows a record's columns.
    return (json.dumps(content) + "\n").encode()
