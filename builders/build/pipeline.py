"""A corpus to the folder that `load_dataset` reads and the Hub shows: Parquet, card, sums."""

from __future__ import annotations

import multiprocessing
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from builders.build import workers
from builders.build.shards import ShardJob, cut_into_shards, write_shard
from builders.card.example_records import choose_examples
from builders.card.gallery import draw_gallery
from builders.card.text import write_card
from builders.corpus.sardet import Corpus, check_images_exist, find_corpus
from builders.errors import SARChatError
from builders.folder.atomic import replacing_folder
from builders.folder.checksums import SUMS, parse_checksums, write_checksums
from builders.folder.reader import CARD, arrange
from builders.folder.shard_file import ShardFile
from builders.schema import SPLITS, TASKS
from builders.signals import starting_processes, uninterrupted

_CARD_START = re.compile(r"---\r?\npretty_name: SARChat\b")
_BUILT_FILE = re.compile(
    rf"{CARD}|pictures/[a-z]+\.png|(?:{'|'.join(TASKS)})/(?:{'|'.join(SPLITS)})-[0-9]{{5,}}-of-[0-9]{{5,}}\.parquet"
)


class Report(NamedTuple):
    """What a build made.

    Attributes:
        out: the folder.
        files: its Parquet files.
        images: the number of images with a target, by split.
        dropped: boxes left out, by split and reason.
        without_target: images left out for lack of a target, by split.
        total_bytes: the folder's size on disk.
    """

    out: Path
    files: list[ShardFile]
    images: dict[str, int]
    dropped: dict[str, Counter[str]]
    without_target: dict[str, int]
    total_bytes: int


def build(
    location: str | os.PathLike[str],
    out: Path,
    *,
    tasks: Sequence[str] = (),
    splits: Sequence[str] = (),
    seed: int = 0,
    num_proc: int = 1,
    embed: bool = True,
    check_images: bool = False,
    sample: bool = False,
) -> Report:
    """Build the data set's folder. It is made beside `out` and moved into place; its bytes do not depend on `num_proc`.

    Args:
        location: SARDet-100K: a folder, a zip, or a URL of either.
        out: the folder to write; an earlier build there is replaced once the new one is whole.
        tasks: the tasks to build; all six if empty.
        splits: the splits to build; all that the corpus has if empty.
        seed: chooses the wordings.
        num_proc: the number of processes.
        embed: store the images' bytes; else the paths of their files, for use on this machine alone.
        check_images: decode every image, and not only compare its header with its annotation.
        sample: the corpus is the synthetic sample, and the card says so.

    Raises:
        SARChatError: a wrong argument, a wrong corpus, or a folder at `out` that is no build.
        OSError: writing failed.
    """
    tasks = _in_order("task", tasks, tuple(TASKS))
    splits = _in_order("split", splits, tuple(SPLITS)) if splits else ()
    if num_proc < 1:
        raise SARChatError(f"the number of processes must be 1 or more, but got {num_proc}")
    corpus = find_corpus(location)
    if not embed and not corpus.source.is_local_folder:
        raise SARChatError(f"{location} is no folder of this machine, so its images have no paths; build with --embed")
    _refuse_overlap(location, out)
    with replacing_folder(out, is_build) as staging:
        job = ShardJob(
            location=os.fspath(location),
            fingerprint=corpus.fingerprint(),
            tasks=tasks,
            seed=seed,
            embed=embed,
            decode=check_images,
            out=staging,
        )
        jobs, report = _plan(corpus, splits or corpus.splits, job)
        report.files.extend(_name_shards(_run(jobs, num_proc)))
        made = arrange(staging, report.files)
        examples = choose_examples(made)
        write_card(made, report.files, examples, draw_gallery(made, examples), embed=embed, sample=sample)
        write_checksums(staging, {file.path.relative_to(staging).as_posix(): file.sha256 for file in report.files})
        total = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
    return report._replace(out=out, total_bytes=total)


def is_build(folder: Path) -> bool:
    """Return whether a folder holds a build and nothing else.

    A list of checksums alone proves nothing, as anybody may keep one beside files of their own. So every file must
    have a name that a build gives, be listed in the folder's `SHA256SUMS`, and the card must be ours.
    """
    try:
        listed = parse_checksums((folder / SUMS).read_text(encoding="utf-8")).keys()
        card = (folder / CARD).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    # A push through `huggingface_hub` leaves its own records behind.
    present = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
        if path.relative_to(folder).parts[:2] != (".cache", "huggingface")
    ]
    return (
        _CARD_START.match(card) is not None
        and CARD in listed
        and all(path == SUMS or (path in listed and _BUILT_FILE.fullmatch(path)) for path in present)
    )


def _refuse_overlap(location: str | os.PathLike[str], out: Path) -> None:
    """Refuse to replace a folder that is the source or holds it. A folder of its own inside the source is fine.

    Raises:
        SARChatError: the two overlap.
    """
    location = os.fspath(location)
    if "://" in location:
        return
    source, target = (Path(os.path.realpath(path)) for path in (Path(location).expanduser(), out))
    if source == target or target in source.parents:
        raise SARChatError(f"--out {out} holds the source {location}, which would be replaced; name another --out")


def _in_order(kind: str, chosen: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    for name in chosen:
        if name not in known:
            raise SARChatError(f"unknown {kind} {name!r}; choose from {', '.join(known)}")
    return tuple(name for name in known if name in chosen or not chosen)


def _plan(corpus: Corpus, splits: Sequence[str], job: ShardJob) -> tuple[list[ShardJob], Report]:
    """Read and check the annotations; return a job for each shard, like `job`, and the report as far as it is known."""
    jobs: list[ShardJob] = []
    report = Report(job.out, [], {}, {}, {}, 0)
    for split in splits:
        annotations = corpus.annotations(split)
        report.dropped[split] = annotations.dropped
        report.without_target[split] = annotations.without_target
        report.images[split] = len(annotations.images)
        folder = corpus.image_folder(split)
        sizes = corpus.source.sizes(folder) if job.embed else None
        check_images_exist(corpus, split, annotations.images, sizes or corpus.source.names(folder))
        for number, images in enumerate(cut_into_shards(annotations.images, sizes)):
            jobs.append(job._replace(folder=folder, split=split, number=number, images=images))
    if not jobs:
        raise SARChatError(f"{corpus.source.location} holds no target at all in {', '.join(splits)}; nothing to build")
    return jobs, report


def _run(jobs: Sequence[ShardJob], num_proc: int) -> list[ShardFile]:
    """Write all shards; a bar on stderr counts images."""
    files: list[ShardFile] = []
    total = sum(len(job.images) for job in jobs)
    with tqdm(total=total, desc="Building", unit=" images", disable=None) as bar:
        if num_proc == 1:
            for job in jobs:
                files += write_shard(job, bar.update)
        else:
            with closing(_in_processes(jobs, num_proc)) as finished:
                for job, written in finished:
                    files += written
                    bar.update(len(job.images))
    return files


def _in_processes(jobs: Sequence[ShardJob], num_proc: int) -> Iterator[tuple[ShardJob, list[ShardFile]]]:
    # Fresh interpreters: a fork of a process in which Arrow's threads run may hang.
    context = multiprocessing.get_context("spawn")
    stopped, stop = context.Pipe(duplex=False)
    with starting_processes():
        pool = ProcessPoolExecutor(min(num_proc, len(jobs)), context, workers.prepare, (stopped,))
    waiting = list(reversed(jobs))
    running: dict[Future, ShardJob] = {}
    try:
        while waiting or running:
            # A job is sent out only when a worker is free: each carries its images' annotations.
            while waiting and len(running) < num_proc:
                job = waiting.pop()
                with starting_processes():
                    running[pool.submit(workers.write, job)] = job
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future.result()
    except BrokenProcessPool as error:
        raise SARChatError(
            "a worker process was ended from outside, perhaps for lack of memory; build with a smaller --num-proc"
        ) from error
    finally:
        with uninterrupted():
            stop.close()
            pool.shutdown(wait=True, cancel_futures=True)
            stopped.close()


def _name_shards(files: Sequence[ShardFile]) -> list[ShardFile]:
    """Give each file its place and the number of files, `SPLIT-00000-of-00003.parquet`, now that both are known."""
    groups: dict[tuple[str, str], list[ShardFile]] = {}
    for file in files:
        groups.setdefault((file.task, file.split), []).append(file)
    named = []
    for task in TASKS:
        for split in SPLITS:
            group = sorted(groups.get((task, split), []), key=lambda file: file.number)
            for place, file in enumerate(group):
                path = file.path.with_name(f"{split}-{place:05d}-of-{len(group):05d}.parquet")
                file.path.rename(path)
                named.append(file._replace(number=place, path=path))
    return named
