"""Programs to measure, each in its own process: `python benchmarks/programs.py NAME ARGUMENTS` prints one line of JSON.

Of the work itself, without imports: `seconds` is the wall time, and `cpu` the CPU time in seconds, of child processes
too. `peak_mb` is the peak resident memory of the process.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from builders.core.schema import ALL, TASKS


def measure(work: Callable[[], int]) -> dict[str, Any]:
    """Measure a function that returns a number of records."""
    start, cpu = time.perf_counter(), cpu_seconds()
    records = work()
    seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
    return {"records": records, "seconds": seconds, "cpu": cpu, "peak_mb": _peak_kb() / 1024}


def _peak_kb() -> int:
    """Return the peak resident memory of this process, or of a child that has ended if it is higher, in KiB."""
    # A new process inherits the `ru_maxrss` of the one that started it; what /proc says starts at 0.
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    own = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def cpu_seconds() -> float:
    """Return the CPU time of this process, and of its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def noop(location: str, count: str) -> dict[str, Any]:
    """Generate a split with the no-op builder."""
    import datasets
    from noop import Noop, ready_record

    datasets.disable_progress_bars()
    Noop.record, Noop.count = ready_record(location), int(count)
    with tempfile.TemporaryDirectory() as cache:

        def work() -> int:
            Noop(cache_dir=cache).download_and_prepare()
            return Noop.count

        return measure(work)


def live(location: str) -> dict[str, Any]:
    """Generate identification, which has three in four of all records, with the live builder."""
    import datasets

    from sarchat_dataset import SARChat

    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as cache:

        def work() -> int:
            builder = SARChat(config_name="identification", data_dir=location, cache_dir=cache)
            builder.download_and_prepare()
            return builder.info.splits.total_num_examples

        return measure(work)


def build(
    location: str, out: str, num_proc: str, embed: str, seed: str = "0", engine: str = "processes", address: str = ""
) -> dict[str, Any]:
    """Build the folder, as `sarchat build --no-pictures` does: the card's charts take as long for any corpus.

    At a URL, it gets a name of its own, since a finished build there is never replaced; without `address`, the engine
    runs on this machine.
    """
    import pyarrow as pa

    from builders.build.options import BuildOptions
    from builders.build.pipeline import build as build_folder

    # With its first value, Arrow imports pandas.
    pa.scalar(0)

    def work() -> int:
        options = BuildOptions(
            seed=int(seed),
            num_proc=int(num_proc),
            embed=embed == "embed",
            pictures=False,
            engine=engine,
            address=address or None,
        )
        report = build_folder(location, f"{out}-{time.time_ns()}" if "://" in out else out, options)
        return sum(file.rows for file in report.files)

    return measure(work)


def read(location: str) -> dict[str, Any]:
    """Read identification as commands do, from a build, or from a corpus, where it is generated."""
    from builders.data.open_data import open_data

    data = open_data(location)
    rows = (data.rows("identification", split) for split in data.splits("identification"))
    return measure(lambda: sum(1 for of_split in rows for _ in of_split))


def floor(location: str, folder: str) -> dict[str, Any]:
    """Do what no build can do without: read each image once, write as many bytes as a build has, and hash them.

    The bytes are those of all Parquet files of the build, of every task, and the hash is SHA-256. Nothing is generated,
    encoded or read back.
    """
    import hashlib

    sizes = [path.stat().st_size for path in Path(folder).rglob("*.parquet")]
    images = sorted(path for path in Path(location, "JPEGImages").rglob("*") if path.is_file())

    def work() -> int:
        content = b"".join(path.read_bytes() for path in images)
        with tempfile.TemporaryDirectory(dir=Path(folder).parent) as scratch:
            for number, size in enumerate(sizes):
                digest = hashlib.sha256()
                with open(Path(scratch, str(number)), "wb", buffering=0) as stream:
                    while size:
                        piece = memoryview(content)[: min(size, 1 << 20)]
                        stream.write(piece)
                        digest.update(piece)
                        size -= len(piece)
        return len(images)

    return measure(work)


def plan(location: str) -> dict[str, Any]:
    """Plan a build: from annotations alone, where every image counts as a file of 60 kB, or from S3 with its images.

    `grown_mb` is the peak memory above that of the imports.
    """
    from contextlib import contextmanager

    from builders.build import plan as planning
    from builders.build.options import BuildOptions
    from builders.corpus.corpus import find_corpus, locate

    @contextmanager
    def sizes(*_: object) -> Iterator[Callable[[str], int | None]]:
        yield lambda name: 60_000

    if "://" in location:
        # Its package is an import too.
        import s3fs  # noqa: F401
    else:
        vars(planning)["looking_up_sizes"] = sizes
    with tempfile.TemporaryDirectory() as scratch:

        def work() -> int:
            place = locate(location)
            options = BuildOptions()
            made = planning.make_plan(find_corpus(place), place, Path(scratch, "out"), options, Path(scratch, "index"))
            return sum(made.images.values())

        before = measure(lambda: 0)["peak_mb"]
        result = measure(work)
        return result | {"grown_mb": result["peak_mb"] - before}


def read_labels(location: str, label_format: str) -> dict[str, Any]:
    """Read, join, clean and sort the labels of a folder with a file per image; `grown_mb` as in `plan`."""
    from builders.corpus.categories import Naming
    from builders.corpus.info import DEFAULT, known_corpus
    from builders.corpus.label_formats import SplitLabels, open_labels
    from builders.corpus.source import open_source

    options = {"names": [*known_corpus(DEFAULT).names]} if label_format == "yolo" else {}
    labels = open_labels(open_source(location), SplitLabels(label_format, label_format, "images", "", options))

    def work() -> int:
        with labels.read(Naming(known_corpus(DEFAULT))) as annotations:
            return sum(1 for _ in annotations.images())

    before = measure(lambda: 0)["peak_mb"]
    result = measure(work)
    return result | {"grown_mb": result["peak_mb"] - before}


def read_remote(how: str, count: str) -> dict[str, Any]:
    """Read images of 60 kB from slow storage one by one, or ahead as a build does."""
    from slow_storage import fill

    from builders.corpus.reading_ahead import read_ahead
    from builders.corpus.source import open_source

    files = fill(int(count), 60_000)
    source = open_source("slow://corpus")
    contents = read_ahead(source, files) if how == "ahead" else (source.read(name) for name, _ in files)
    return measure(lambda: sum(1 for _ in contents))


def to_parquet(folder: str, task: str, split: str, path: str) -> dict[str, Any]:
    """Write a built split with `Dataset.to_parquet`."""
    import datasets

    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as cache:
        dataset = datasets.load_dataset(folder, task, split=split, cache_dir=cache)
        return measure(lambda: (dataset.to_parquet(path), len(dataset))[1])


def metric(images: str, boxes: str = "upright") -> dict[str, Any]:
    """Score wrong answers with upright or oriented boxes."""
    from answers import wrong_answers

    from sarchat_metric import score

    predictions, references = wrong_answers(int(images), oriented=boxes == "oriented")

    return measure(lambda: sum(score(predictions, references)["n"].values()))


def metric_gold(folder: str, split: str) -> dict[str, Any]:
    """Score a split's gold answers against themselves; `least` is the lowest of all scores."""
    from builders.scoring.gold import read_gold
    from sarchat_metric import score

    references = list(read_gold(folder, ALL, split).records.values())
    gold = [reference["messages"][1]["content"] for reference in references]
    result = score(gold, references)
    least = min(value for value in result.values() if isinstance(value, float))
    return {"records": sum(result["n"].values()), "least": least}


def plain(images: str) -> dict[str, Any]:
    """Score the same answers with the plain loop."""
    from answers import wrong_answers
    from plain_loop import plain_loop

    predictions, references = wrong_answers(int(images))

    def work() -> int:
        plain_loop(predictions, [reference["answer"] for reference in references])
        return len(references)

    return measure(work)


def predict(folder: str, split: str, limit: str, url: str) -> dict[str, Any]:
    """Ask a server the questions of a split as `sarchat predict` does, reading and writing included."""
    from builders.predict.predict import Options
    from builders.predict.predict import predict as ask

    with tempfile.TemporaryDirectory() as out:

        def work() -> int:
            options = Options(split=split, limit=int(limit) or None)
            return ask(folder, "m", url, Path(out) / "answers.jsonl", options).tally.answered

        return measure(work)


def ask_bare(folder: str, split: str, limit: str, url: str) -> dict[str, Any]:
    """Ask the same questions, made beforehand, with a bare loop of the same client; keep the answers in a list."""
    import asyncio

    import openai

    from builders.data.open_data import open_data
    from builders.notation.formats import read_notation
    from builders.notation.render import Phrasing
    from builders.predict.questions import generate_questions
    from builders.scoring.gold import read_rows

    data = open_data(folder)
    tasks = data.select(ALL, split)
    rows = read_rows(data, tasks, split, data.subset(tasks, split, int(limit) or None), ("id",))
    ids = {record_id for record_id, _ in rows}
    questions = list(generate_questions(data, tasks, split, ids, Phrasing(read_notation("sarchat"))))
    answers = []

    async def ask_all() -> None:
        client = openai.AsyncOpenAI(api_key="none", base_url=url, max_retries=8)
        waiting = iter(questions)

        async def work() -> None:
            for question in waiting:
                image = {"type": "image_url", "image_url": {"url": question.image_url}}
                content: list[Any] = [image, {"type": "text", "text": question.text}]
                response = await client.chat.completions.create(
                    model="m", messages=[{"role": "user", "content": content}], max_tokens=1024, temperature=0
                )
                answers.append(response.choices[0].message.content)

        await asyncio.gather(*(work() for _ in range(32)))

    return measure(lambda: (asyncio.run(ask_all()), len(answers))[1])


def export(folder: str, out: str, name: str, box_format: str) -> dict[str, Any]:
    """Export all of a built folder, as `sarchat export` does."""
    from builders.export.pipeline import ExportOptions
    from builders.export.pipeline import export as write

    options = ExportOptions(name, box_format=None if box_format == "-" else box_format)
    return measure(lambda: sum(table.records for table in write(folder, Path(out), options).tables))


PUSH_TO_HUB = """
import sys, datasets
for task in sys.argv[2:]:
    datasets.load_dataset(sys.argv[1], task).push_to_hub("alice/sarchat", task)
"""


def push(way: str, *folders: str) -> dict[str, Any]:
    """Push folders to one repo of a Hub on loopback, for which hf_xet stores large content in a local folder.

    `way` is `sarchat` for `sarchat push`, or `datasets` for `Dataset.push_to_hub` of each task. `stored` are the bytes
    that each push adds to the storage.
    """
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from hub_server import LoopbackHub
    from hub_shell import Shell

    stored = [0]
    with tempfile.TemporaryDirectory() as scratch, LoopbackHub(xet=Path(scratch, "xet")) as hub:
        hub.xet.mkdir()
        shell = Shell(hub, Path(scratch, "home"))
        for folder in folders:
            if way == "sarchat":
                shell.succeed("dataset", folder, "alice/sarchat")
            elif (done := shell.python(PUSH_TO_HUB, folder, *TASKS)).returncode:
                sys.exit(done.stderr)
            stored.append(hub.stored())
    return {"stored": [after - before for before, after in pairwise(stored)]}


def dump_bare(folder: str, out: str) -> dict[str, Any]:
    """Write the same records with a bare loop: Arrow reads them, `json.dumps` writes a line each."""
    import pyarrow.parquet as pq

    columns = ["id", "messages", "image.path"]

    def work() -> int:
        records = 0
        for path in sorted(Path(folder).glob("*/*.parquet")):
            with (Path(out) / f"{path.parent.name}-{path.stem}.jsonl").open("w", encoding="utf-8") as stream:
                for batch in pq.ParquetFile(path).iter_batches(500, columns=columns):
                    for row in batch.to_pylist():
                        stream.write(json.dumps(row, ensure_ascii=False) + "\n")
                        records += 1
        return records

    return measure(work)


def translate(boxes: str) -> dict[str, Any]:
    """Translate one answer of very many boxes from every box format."""
    from builders.notation.formats import FORMAT_NAMES, INPUT_PIXELS, InputSize, get_format
    from builders.notation.render import render_text
    from builders.notation.translate import translate as read

    answer = " and a ".join(f"ship {{<{start}><{start}><{start + 50}><{start + 40}>}}" for start in range(0, 700, 7))
    answer = "\n".join([answer] * (int(boxes) // 100))
    all_formats = map(get_format, FORMAT_NAMES)
    formats = [(fmt, InputSize(798, 798) if fmt.unit == INPUT_PIXELS else None) for fmt in all_formats]
    written = [render_text(answer, fmt, 800, 800, size) for fmt, size in formats]

    def work() -> int:
        return sum(read(text, fmt, 800, 800, size).boxes for text, (fmt, size) in zip(written, formats, strict=True))

    return measure(work)


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    print(json.dumps(globals()[name](*arguments)))
