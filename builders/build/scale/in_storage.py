"""Building into object storage, where nothing can be moved into place.

Several processes may write, stop and resume one build. Its state is in the bucket alone: the plan, which only the first
one creates; per job a receipt of that plan, which is written after the job's objects; and `SHA256SUMS`, the last object
and the sign that the build is finished. Every object is written whole, and has the same bytes, whichever process writes
it. Nobody writes once the build is finished: before its objects, a job looks for the checksums, and compares with them
if they are there.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from builders.build.built_files import is_built_file, write_documents
from builders.build.engines import Advance
from builders.build.options import BuildOptions
from builders.build.plan import Plan, ShardJob, make_plan
from builders.build.scale.object_folder import ObjectFolder, Stored
from builders.build.scale.state import check_same, decode_receipt, describe_input, encode_receipt, outline
from builders.build.shards import Receipt, gather, run_job, run_jobs
from builders.core.atomic import scratch_folder
from builders.core.checksums import SUMS, hash_text
from builders.core.errors import SARChatError
from builders.core.storage import REQUESTS_AT_ONCE
from builders.corpus.corpus import Corpus, Location
from builders.data.reader import CARD, ParquetFile

_LOG = logging.getLogger(__name__)
# What is removed once the build is finished: the plan, and receipts of it, in a folder named by its digest.
_PLAN = ".building/plan.json"
_OF_STATE = re.compile(r"\.building/(?:plan\.json|[0-9a-f]{32}/[^/]+-[0-9a-f]{32}\.json\.gz)")


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
    if not options.embed:
        raise SARChatError(
            f"--no-embed stores paths of this machine, which are useless in {url}; build with --embed, or into a "
            "local folder"
        )
    folder = ObjectFolder(url)
    # Before planning, which may take minutes.
    _check_place(folder)
    with scratch_folder() as indices, scratch_folder() as documents:
        plan = make_plan(corpus, location, Path(), options, indices)
        build = _Build(folder, outline(plan, options))
        try:
            folder.create(_PLAN, build.outline.encode())
            # Another build may have been finished meanwhile, and its plan removed.
            build.is_finished()
            # A job of images without a record has no files.
            jobs = [job for job in plan.jobs if job.paths]
            with closing(build.run(jobs, options)) as done:
                written = gather(done)
            write_documents(documents, written, plan, corpus, options)
            build.finish(documents, written.files)
        except SARChatError:
            # Perhaps another command has finished a build, and removed what this one was about to read.
            _check_place(folder)
            raise
    stored = folder.list()
    state = set(filter(_OF_STATE.fullmatch, stored))
    folder.remove(sorted(state))
    return plan, written.files, sum(entry.size for name, entry in stored.items() if name not in state)


def _check_place(folder: ObjectFolder) -> None:
    """Check that a folder is empty or holds a build that is not finished; its plan is compared later.

    Raises:
        SARChatError: if it holds something else.
    """
    names = sorted(folder.list())
    foreign = [name for name in names if not (is_built_file(name) or name == SUMS or _OF_STATE.fullmatch(name))]
    if foreign:
        raise SARChatError(
            f"{folder.location} holds objects of something else, such as {folder.url(foreign[0])}; choose a new prefix "
            "with --out"
        )
    if SUMS in names:
        # A build was stopped when it cleaned up, or another process was still at work.
        folder.remove(filter(_OF_STATE.fullmatch, names))
        raise SARChatError(
            f"{folder.location} holds a finished build, which cannot be replaced in one step; choose a new prefix with "
            "--out"
        )
    if names and _PLAN not in names:
        raise SARChatError(
            f"{folder.location} holds objects as of a build, such as {names[0]}, but no {_PLAN}; remove them if they "
            "are what is left of one that was removed while it ran, or choose a new prefix with --out"
        )


@dataclass(frozen=True)
class _Build:
    """A build in storage, as every process with a part in it sees it; calling it runs a job.

    Attributes:
        folder: where the objects go.
        outline: what determines their bytes.
    """

    folder: ObjectFolder
    outline: str

    def _receipt(self, job: ShardJob) -> str:
        """Return the name of a job's receipt: of this plan, these files, and images of these sizes."""
        return f".building/{hash_text(self.outline)}/{job.split}-{describe_input(job)}.json.gz"

    def is_finished(self, ours: Iterable[str] = ()) -> bool:
        """Return whether the build is finished, or still under way.

        Args:
            ours: lines that the `SHA256SUMS` of a finished build must have.

        Raises:
            SARChatError: if the build in the folder is another one, or none.
        """
        # In this order: a plan is removed only when the checksums are there.
        stored, sums = self.folder.get(_PLAN), self.folder.get(SUMS)
        if sums is not None:
            if {*ours} - {*sums.decode(errors="replace").splitlines()}:
                raise SARChatError(f"{self.folder.location} holds another build, which was finished meanwhile")
            return True
        if stored is None:
            raise SARChatError(f"{self.folder.url(_PLAN)} was removed while the build ran; run the command again")
        check_same(self.outline, stored, self.folder.url(_PLAN))
        return False

    def run(self, jobs: Sequence[ShardJob], options: BuildOptions) -> Generator[Receipt, None, None]:
        """Yield the receipts of all jobs: first the stored ones, then those of jobs that are run now."""
        listed = self.folder.list()
        waiting, kept, images = {self._receipt(job): job for job in jobs}, 0, 0
        for name, receipt in self._find_done([name for name in waiting if name in listed], listed):
            images += waiting.pop(name).counted
            kept += 1
            yield receipt
        if kept:
            compared = "sizes and checksums" if any(stored.checksum for stored in listed.values()) else "sizes"
            _LOG.warning(
                "%s: resuming a build that was stopped; %d of %d jobs are kept, whose objects have the %s that were "
                "written",
                *(self.folder.location, kept, len(jobs), compared),
            )
        if waiting:
            with closing(run_jobs(self, [*waiting.values()], options, images)) as finished:
                yield from finished

    def _find_done(self, names: Sequence[str], listed: Mapping[str, Stored]) -> Iterator[tuple[str, Receipt]]:
        """Yield the stored receipts whose objects are all as they were written."""
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            for start in range(0, len(names), REQUESTS_AT_ONCE):
                some = names[start : start + REQUESTS_AT_ONCE]
                for name, found in zip(some, map(decode_receipt, pool.map(self.folder.get, some)), strict=True):
                    if found and found[1].items() <= listed.items():
                        yield name, found[0]

    def __call__(self, job: ShardJob, advance: Advance) -> Receipt:
        """Write a shard on this machine, then its objects, then its receipt."""
        with scratch_folder() as scratch:
            here = {task: scratch / path for task, path in job.paths.items()}
            done = run_job(replace(job, paths=here), advance)
            receipt = replace(done, files=[replace(file, path=file.path.relative_to(scratch)) for file in done.files])
            if not self.is_finished(f"{file.sha256}  {file.path.as_posix()}" for file in receipt.files):
                stored = {}
                for file in receipt.files:
                    # Ends the work here if the build was stopped.
                    advance(0)
                    stored[file.path.as_posix()] = self.folder.put(scratch / file.path, file.path.as_posix())
                self.folder.write(self._receipt(job), encode_receipt(receipt, stored))
        return receipt

    def finish(self, documents: Path, files: Sequence[ParquetFile]) -> None:
        """Write what a build has beside its shards, its checksums last."""
        sums = (documents / SUMS).read_bytes()
        if self.is_finished(sums.decode().splitlines()):
            return
        listed = {name: stored.size for name, stored in self.folder.list().items()}
        for file in files:
            if listed.get(name := file.path.as_posix()) != file.file_bytes:
                raise SARChatError(
                    f"{self.folder.url(name)} was removed or changed while the build ran; run the command again"
                )
        paths = [path for path in documents.rglob("*") if path.is_file() and path.name != SUMS]
        for path in sorted(paths, key=lambda path: (path.name == CARD, path)):
            self.folder.put(path, path.relative_to(documents).as_posix())
        if self.folder.create(SUMS, sums) != sums:
            raise SARChatError(f"{self.folder.url(SUMS)} is that of another build, which was finished meanwhile")
