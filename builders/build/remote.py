"""Building into object storage, where nothing can be moved into place.

Several processes may write, stop and resume one build. Its state is in the bucket alone: the plan, which only the first
one creates; per job a receipt of that plan, which is written after the job's objects; and `SHA256SUMS`, the last object
and the sign that the build is finished. Every object is written whole, and has the same bytes, whichever process writes
it. Nobody writes once the build is finished: before its objects, a job looks for the checksums, and compares with them
if they are there.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from builders.build.built_files import is_built_file
from builders.build.documents import write_documents
from builders.build.engines.engine import Advance
from builders.build.options import BuildOptions
from builders.build.outline import DIGEST, check_same, describe_input, outline
from builders.build.plan import Plan, ShardJob, make_plan, publish_index
from builders.build.receipt import Receipt, Written, gather
from builders.build.shards import ShardWriter, run_jobs, split_of_texts
from builders.build.writer_versions import check_versions
from builders.core.checksums import SUMS, hash_text, parse_checksums
from builders.core.errors import SARChatError
from builders.core.processes import scratch_folder
from builders.core.resources import load_json
from builders.core.storage import REQUESTS_AT_ONCE
from builders.corpus.corpus import Corpus, Location
from builders.data.object_folder import ObjectFolder, Stored
from builders.data.parquet_file import ParquetFile
from builders.data.reader import CARD

_LOG = logging.getLogger(__name__)
# What is removed once the build is finished.
_BUILDING = ".building/"
_PLAN = f"{_BUILDING}plan.json"
# The plan; receipts and indices of it, in a folder named by its digest.
_OF_STATE = re.compile(rf"{re.escape(_BUILDING)}(?:plan\.json|[0-9a-f]{{32}}/[^/]+-[0-9a-f]{{32}}\.(?:json|parquet))")
# The engine whose workers read files of this machine.
_ON_THIS_MACHINE = "processes"


def build_in_storage(
    corpus: Corpus, location: Location, url: str, options: BuildOptions
) -> tuple[Plan, Sequence[ParquetFile], int]:
    """Build into a folder in object storage, or resume a build that was stopped there.

    Args:
        corpus: the corpus.
        location: where it is, for the workers.
        url: the folder's URL.
        options: what to build and how.

    Returns:
        The plan, the Parquet files, and the size of all objects in bytes.

    Raises:
        SARChatError: if the corpus is wrong; if there is something else at the URL, a finished build, or another one
            that is not finished; if storage keeps failing.
    """
    _check_options(url, options)
    folder = ObjectFolder(url)
    # Before planning, which may take minutes.
    _check_place(folder)
    with scratch_folder() as indices:
        plan = make_plan(corpus, location, Path(), options, indices)
        content = outline(plan, options)
        try:
            folder.create(_PLAN, _encode(content))
            # Another build may have been finished meanwhile, and its plan removed.
            _sums_if_finished(folder, content)
            if options.engine != _ON_THIS_MACHINE:
                plan = publish_index(plan, folder.url(f"{_BUILDING}{content[DIGEST]}"))
            with closing(_run_jobs(folder, content, plan, options)) as receipts:
                written = gather(receipts)
            with scratch_folder() as scratch:
                write_documents(scratch, written, plan, corpus, options)
                total = _finish(folder, content, scratch, written)
        except SARChatError:
            # Perhaps another command has finished a build, and removed what this one was about to read.
            _check_place(folder)
            raise
    folder.remove(filter(_is_temporary, folder.list()))
    return plan, written.files, total


def _check_options(url: str, options: BuildOptions) -> None:
    if not options.embed:
        raise SARChatError(
            f"--no-embed stores paths of this machine, which are useless in {url}; build with --embed, or into a "
            "local folder"
        )


def _check_place(folder: ObjectFolder) -> None:
    """Check that a folder is empty or holds a build that is not finished; its plan is compared later.

    Raises:
        SARChatError: if it holds something else.
    """
    names = sorted(folder.list())
    foreign = [name for name in names if not (is_built_file(name) or name == SUMS or _is_temporary(name))]
    if foreign:
        raise SARChatError(
            f"{folder.location} holds objects of something else, such as {foreign[0]}; choose a new prefix with --out"
        )
    if SUMS in names:
        # A build was stopped when it cleaned up, or another process was still at work.
        folder.remove(filter(_is_temporary, names))
        raise SARChatError(
            f"{folder.location} holds a finished build, which cannot be replaced in one step; choose a new prefix with "
            "--out"
        )
    if names and _PLAN not in names:
        raise SARChatError(
            f"{folder.location} holds objects as of a build, such as {names[0]}, but no {_PLAN}; remove them if they "
            "are what is left of one that was removed while it ran, or choose a new prefix with --out"
        )


def _is_temporary(name: str) -> bool:
    return _OF_STATE.fullmatch(name) is not None


def _sums_if_finished(folder: ObjectFolder, content: Mapping[str, Any]) -> dict[str, str]:
    """Return the checksums of the finished build in a folder, whichever it is; none if this one is under way there.

    Raises:
        SARChatError: if the build that is under way there is another one, or none.
    """
    # In this order: a plan is removed only when the checksums are there.
    stored, sums = folder.get(_PLAN), folder.get(SUMS)
    if sums is not None:
        try:
            return parse_checksums(sums.decode())
        except ValueError as error:
            raise SARChatError(f"{folder.url(SUMS)}: {error}; choose a new prefix with --out") from error
    if stored is None:
        raise SARChatError(
            f"{folder.url(_PLAN)} was removed while the build ran; remove what is left in {folder.location}, and run "
            "the command again"
        )
    check_same(content, stored, folder.url(_PLAN))
    return {}


def _require_equal(folder: ObjectFolder, sums: Mapping[str, str], ours: Mapping[str, str]) -> None:
    """Check that a finished build has these files with these checksums.

    Raises:
        SARChatError: if it is another build.
    """
    for name, checksum in ours.items():
        if sums.get(name) != checksum:
            raise SARChatError(f"{folder.url(name)} is that of another build, which was finished meanwhile")


@dataclass(frozen=True)
class _Uploader:
    """The work of a job: writing a shard on this machine, then its objects, then its receipt.

    Attributes:
        folder: where the objects go.
        outline: the outline of the build.
        write: writes and summarizes a shard.
    """

    folder: ObjectFolder
    outline: Mapping[str, Any]
    write: ShardWriter

    def __call__(self, job: ShardJob, advance: Advance) -> Receipt:
        check_versions(self.outline["versions"])
        with scratch_folder() as scratch:
            here = {task: scratch / path for task, path in job.paths.items()}
            done = self.write(replace(job, paths=here), advance)
            receipt = replace(done, files=[replace(file, path=file.path.relative_to(scratch)) for file in done.files])
            if sums := _sums_if_finished(self.folder, self.outline):
                _require_equal(self.folder, sums, {file.path.as_posix(): file.sha256 for file in receipt.files})
                return receipt
            stored = {}
            for file in receipt.files:
                # Ends the work here if the build was stopped.
                advance(0)
                stored[file.path.as_posix()] = self.folder.put(scratch / file.path, file.path.as_posix())
            self.folder.create(self.receipt_of(job), _seal({"receipt": receipt.to_json(), "stored": stored}))
        return receipt

    def receipt_of(self, job: ShardJob) -> str:
        """Return the name of a job's receipt: of this plan, these files, and images of these sizes."""
        return f"{_BUILDING}{self.outline[DIGEST]}/{job.split}-{describe_input(job)}.json"


def _run_jobs(
    folder: ObjectFolder, content: Mapping[str, Any], plan: Plan, options: BuildOptions
) -> Generator[Receipt, None, None]:
    """Yield the receipts of all jobs: first the stored ones, then those of jobs that are done now."""
    # A job of images without a record has no files.
    jobs = [job for job in plan.jobs if job.paths]
    work = _Uploader(folder, content, ShardWriter(split_of_texts(plan.jobs)))
    done: set[str] = set()
    images = 0
    listed = folder.list()
    for job, receipt in _find_done(folder, work, jobs, listed):
        done.add(work.receipt_of(job))
        images += job.counted
        yield receipt
    waiting = [job for job in jobs if work.receipt_of(job) not in done]
    if done:
        _LOG.warning(
            "%s: resuming a build that was stopped; %d of %d jobs are kept, whose objects have the sizes%s that "
            "were written",
            *(
                folder.location,
                len(done),
                len(jobs),
                " and checksums" if any(stored.checksum for stored in listed.values()) else "",
            ),
        )
    if waiting:
        with closing(run_jobs(work, waiting, options, images)) as finished:
            for _, receipt in finished:
                yield receipt


def _find_done(
    folder: ObjectFolder, work: _Uploader, jobs: Sequence[ShardJob], listed: Mapping[str, Stored]
) -> Iterator[tuple[ShardJob, Receipt]]:
    """Yield the jobs that have a receipt and all of its objects as they were written."""
    stored = [job for job in jobs if work.receipt_of(job) in listed]
    for start in range(0, len(stored), REQUESTS_AT_ONCE):
        some = {work.receipt_of(job): job for job in stored[start : start + REQUESTS_AT_ONCE]}
        for name, text in folder.read([*some]).items():
            content = _unseal(text)
            if content and all(listed.get(path) == Stored(*entry) for path, entry in content["stored"].items()):
                yield some[name], Receipt.from_json(content["receipt"])


def _seal(content: Mapping[str, Any]) -> bytes:
    """Encode a content with a hash of it: what was changed or cut off is not read."""
    text = json.dumps(content)
    return f"{hash_text(text)}\n{text}\n".encode()


def _unseal(stored: bytes) -> dict[str, Any] | None:
    digest, _, text = stored.decode(errors="replace").partition("\n")
    return load_json(text) if digest == hash_text(text.removesuffix("\n")) else None


def _finish(folder: ObjectFolder, content: Mapping[str, Any], documents: Path, written: Written) -> int:
    """Write what a build has beside its shards, its checksums last; return the size of all objects in bytes."""
    paths = sorted(path for path in documents.rglob("*") if path.is_file() and path.name != SUMS)
    sums = (documents / SUMS).read_bytes()
    if finished := _sums_if_finished(folder, content):
        _require_equal(folder, finished, parse_checksums(sums.decode()))
    else:
        listed = folder.list()
        for file in written.files:
            name = file.path.as_posix()
            if name not in listed or listed[name].size != file.file_bytes:
                raise SARChatError(
                    f"{folder.url(name)} was written with {file.file_bytes} bytes, and now "
                    f"{f'has {listed[name].size}' if name in listed else 'is missing'}; run the command again"
                )
        for path in sorted(paths, key=lambda path: path.name == CARD):
            folder.put(path, path.relative_to(documents).as_posix())
        if folder.create(SUMS, sums) != sums:
            raise SARChatError(f"{folder.url(SUMS)} is that of another build, which was finished meanwhile")
    return sum(file.file_bytes for file in written.files) + sum(path.stat().st_size for path in paths) + len(sums)


def _encode(content: Mapping[str, Any]) -> bytes:
    # Keys stay in their order, in which the card shows a record's columns.
    return (json.dumps(content) + "\n").encode()
