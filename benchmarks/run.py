"""`make bench`: speed, memory and size at full scale, as one table of ratios.

Programs that are compared run in turns, and the least time of each counts, since other work on the machine can only
slow them down. It is CPU time where both do the work in one process, and wall time where several do it or wait. The
corpora are created once, in `benchmarks/.corpus`. On stderr, each row appears as soon as it is measured.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from corpus import REAL, write_annotations, write_corpus, write_labels
from programs import cpu_seconds

from builders.core.schema import TASKS
from builders.core.tables import format_table

HERE = Path(__file__).parent
# Servers and clusters on this machine are those of the tests.
sys.path.append(str(HERE.parent / "tests"))
from ray_cluster import ray_cluster  # noqa: E402
from s3_server import ACCOUNT, serving  # noqa: E402
from support import children  # noqa: E402

CORPORA = HERE / ".corpus"
OUT = CORPORA / "out"
TURNS = 3
WRONG_IMAGES = 11_600


def run(program: object, *arguments: object) -> dict[str, Any]:
    """Run one program of `programs.py` in its own process."""
    command = [sys.executable, str(HERE / "programs.py"), *map(str, (program, *arguments))]
    # Compiled modules are kept, as where the package is installed: some are imported while the work runs.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(CORPORA / "compiled")}
    done = subprocess.run(command, capture_output=True, check=False, text=True, env=environment)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with exit code {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def in_turns(*programs: tuple[object, ...]) -> list[dict[str, Any]]:
    """Run the programs in turn, `TURNS` times; return the least times of each, and its highest memory."""
    runs = [[run(*program) for program in programs] for _ in range(TURNS)]
    return [_best(column) for column in zip(*runs, strict=True)]


def _best(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    times = {clock: min(run[clock] for run in runs) for clock in ("seconds", "cpu")}
    return {**runs[0], **times, "peak_mb": max(run["peak_mb"] for run in runs)}


@functools.cache
def built(corpus: Path, name: str, num_proc: int, embed: str) -> tuple[Path, dict[str, Any]]:
    """Build a corpus once for all steps; return the folder, and the result of the build."""
    return OUT / name, run("build", corpus, OUT / name, num_proc, embed)


def speeds(small: Path, large: Path) -> Iterator[list[str]]:
    """Compare the live builder and the build with the no-op builder, and one process with two.

    `datasets` takes minutes for what a build does in seconds, so its two builders process the small corpus, and both
    generate identification, the kind of record that the no-op builder repeats. The no-op builder yields examples, which
    `datasets` encodes one by one; the live builder yields tables.
    """
    count = run("live", small)["records"]
    noop, live, one, two = in_turns(
        ("noop", small, count),
        ("live", small),
        ("build", large, OUT / "one", 1, "paths"),
        ("build", large, OUT / "two", 2, "paths"),
    )
    yield ["live builder / no-op builder", *_rates(live, noop, "cpu"), ">= 3"]
    yield ["build --no-embed / no-op builder", *_rates(one, noop, "cpu"), ">= 2.5"]
    yield ["build --no-embed, 2 processes / 1", *_rates(two, one, "seconds"), ">= 1.6"]
    folder, _ = built(small, "paths", 1, "paths")
    generated, stored = in_turns(("read", small), ("read", folder))
    yield ["commands read a corpus / its build, CPU time", *_rates(generated, stored, "cpu"), ""]


def sizes(corpus: Path) -> Iterator[list[str]]:
    """Compare the size of identification on disk with its images and texts, and with `Dataset.to_parquet`."""
    folder, _ = built(corpus, "embed", 1, "embed")
    images = texts = stored = 0
    for path in sorted((folder / "identification").glob("*.parquet")):
        stored += path.stat().st_size
        file = pq.ParquetFile(path)
        lengths: dict[str, int] = {}
        for batch in file.iter_batches(1000, columns=["image", "file_name"]):
            of_row = pc.binary_length(batch.column("image").field("bytes")).to_pylist()
            lengths |= zip(batch.column("file_name").to_pylist(), of_row, strict=True)
        images += sum(lengths.values())
        texts += _compressed_without_images(file.metadata)
    yield [
        "identification's Parquet / its images and texts",
        f"{stored / 1e6:,.1f} / {(images + texts) / 1e6:,.1f} MB",
        _ratio(stored, images + texts),
        "<= 1.05",
    ]
    copy = OUT / "copy.parquet"
    run("to_parquet", folder, "identification", "validation", copy)
    ours = sum(path.stat().st_size for path in (folder / "identification").glob("validation-*.parquet"))
    theirs = copy.stat().st_size
    figures = f"{ours / 1e6:,.1f} / {theirs / 1e6:,.1f} MB"
    yield ["identification's Parquet / Dataset.to_parquet", figures, _ratio(ours, theirs), ""]


def real_sizes(corpus: Path) -> Iterator[list[str]]:
    """Build images of the size that SARDet-100K's have: what that takes on disk, on the Hub, and in time per image."""
    folder, result = built(corpus, "real", 1, "embed")
    images = [path.stat().st_size for path in (corpus / "JPEGImages").rglob("*.jpg")]
    by_task = {
        task: sum(path.stat().st_size for path in (folder / task).glob("*.parquet")) / sum(images) for task in TASKS
    }
    shares = ", ".join(f"{task} {share:.2f}" for task, share in by_task.items())
    yield ["Parquet / images of 60 kB, each task", shares, f"{sum(by_task.values()):.2f}", ""]
    figures = (
        f"{len(images):,} images, {sum(images) / 1e6:,.0f} MB, {result['seconds']:.1f} s, {result['peak_mb']:,.0f} MB"
    )
    yield ["build, images of 60 kB", figures, "", ""]
    embedded, least = in_turns(("build", corpus, OUT / "real-again", 1, "embed"), ("floor", corpus, folder))
    title = "the same / reading, writing and hashing the same bytes, CPU time"
    yield [title, *_times(embedded, least), "<= 5.5"]
    run("build", corpus, OUT / "reworded", 1, "embed", 1)
    first, again = run("push", "sarchat", folder, OUT / "reworded")["stored"]
    (rows,) = run("push", "datasets", folder)["stored"]
    for title, stored, target in (("sarchat push", first, "<= 1.1"), ("Dataset.push_to_hub", rows, "")):
        figures = f"{stored / 1e6:,.1f} / {sum(images) / 1e6:,.1f} MB"
        yield [f"stored on the Hub by {title} / images", figures, _ratio(stored, sum(images)), target]
    reworded = sorted((OUT / "reworded").rglob("*.parquet"))
    texts = sum(_compressed_without_images(pq.read_metadata(path)) for path in reworded)
    figures = f"{again / 1e6:,.1f} / {texts / 1e6:,.1f} MB"
    yield ["sent to the Hub after a rebuild with other wordings / texts", figures, _ratio(again, texts), ""]


def scaling(corpora: dict[int, Path]) -> Iterator[list[str]]:
    """Build corpora of growing size, with images embedded; each but the largest once before it and once after it."""
    ascending = sorted(corpora)
    runs = [
        (images, run("build", corpora[images], OUT / "scale", 1, "embed")) for images in [*ascending, *ascending[:-1]]
    ]
    results = {images: _best([result for of, result in runs if of == images]) for images in ascending}
    for images, result in results.items():
        yield [
            f"build, {images:,} images",
            f"{result['records']:,} records, {result['seconds']:.1f} s, {result['peak_mb']:,.0f} MB",
            "",
            "< 1,500 MB" if images == ascending[-1] else "",
        ]
    yield ["CPU time, 100,000 images / 10,000", *_times(results[100_000], results[10_000]), "<= 11"]


def scores(corpus: Path) -> Iterator[list[str]]:
    """Score the whole test split, and compare the metric with the plain loop on as many wrong answers."""
    folder, _ = built(corpus, "full", 2, "paths")
    gold = run("metric_gold", folder, "test")
    yield ["gold against itself, test split", f"{gold['records']:,} records", f"{gold['least']:.2f}", "= 100"]
    programs = ("metric", WRONG_IMAGES), ("plain", WRONG_IMAGES), ("metric", WRONG_IMAGES, "oriented")
    metric, plain, turned = in_turns(*programs)
    figures, ratio = _times(metric, plain)
    yield ["metric / plain loop, CPU time", f"{figures}, {metric['records']:,} wrong answers", ratio, "<= 1.5"]
    figures, ratio = _times(turned, metric)
    yield [
        "metric, oriented boxes / upright ones, CPU time",
        f"{figures}, {turned['records']:,} wrong answers",
        ratio,
        "",
    ]
    yield ["metric, peak memory", f"{metric['peak_mb']:,.0f} MB", "", "< 1,500 MB"]


def answers(real: Path, small: Path) -> Iterator[list[str]]:
    """Compare `predict` with a bare loop of its client, and its memory on a few and on very many records.

    The server answers at once, so that only the client's own work counts: the worst case. The images of the first
    comparison have 60 kB, those of the second, whose server does not matter, are small.
    """
    folder, _ = built(real, "real", 1, "embed")
    many_records, _ = built(small, "embed", 1, "embed")
    with subprocess.Popen(
        [sys.executable, str(HERE.parent / "tests" / "chat_server.py"), "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        if server.stdin is None or server.stdout is None:
            raise RuntimeError("the server has no pipes")
        url = server.stdout.readline().strip()
        asked = (folder, "test", 300, url)
        ours, bare = in_turns(("predict", *asked), ("ask_bare", *asked))
        yield ["predict / a bare loop of its client", *_rates(ours, bare, "seconds"), ">= 0.9"]
        # On few cores, the server's own work takes most of the wall time.
        yield ["the same, CPU time of the client", *_rates(ours, bare, "cpu"), ""]
        few, many = (run("predict", many_records, "test", limit, url) for limit in (100, 0))
        figures = f"{many['peak_mb']:,.0f} / {few['peak_mb']:,.0f} MB, {many['records']:,} / {few['records']:,} records"
        yield ["predict's peak memory, many / few records", figures, _ratio(many["peak_mb"], few["peak_mb"]), ""]
        server.stdin.close()


def planning() -> Iterator[list[str]]:
    """Plan builds from annotations in parts, without images: the memory must not grow with their number."""
    results = {}
    for images in (50_000, 1_000_000):
        corpus = write_annotations(CORPORA / f"annotations-{images}", images, "json")
        results[images] = result = run("plan", corpus)
        figures = f"{result['seconds']:.1f} s, {result['grown_mb']:,.0f} MB above the imports"
        yield [f"plan, {images:,} images", figures, "", ""]
    least, most = results[50_000]["grown_mb"], results[1_000_000]["grown_mb"]
    yield ["memory to plan, 1,000,000 images / 50,000", f"{most:,.0f} / {least:,.0f} MB", _ratio(most, least), ""]


def planning_in_s3() -> Iterator[list[str]]:
    """Plan builds of very many images in S3: the requests, as its server counts them, and the memory."""
    if find_spec("s3fs") is None:
        return
    annotations = write_annotations(CORPORA / "annotations-10000", 10_000, "one").parent
    for images in (50_000, 300_000, 1_000_000):
        command = [sys.executable, str(HERE / "many_keys.py"), str(annotations), str(images)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            url = server.stdout.readline().strip() if server.stdout else ""
            os.environ.update(ACCOUNT, AWS_ENDPOINT_URL=url)
            result = run("plan", "s3://bucket/SARDet_100K")
            with urllib.request.urlopen(url) as answer:
                asked = json.load(answer)
            server.terminate()
        requests = ", ".join(f"{number:,} {kind}" for kind, number in sorted(asked.items()))
        figures = f"{requests}; {result['cpu']:.1f} s of CPU, {result['grown_mb']:,.0f} MB above the imports"
        yield [f"plan from S3, {images:,} keys", figures, "", "< 250 MB" if images == 300_000 else ""]


def places(corpus: Path) -> Iterator[list[str]]:
    """Compare a build by one process into a folder with two processes, S3, Ray, and a cluster of two nodes.

    All are on this machine. The CPU time is that of the command, of what it starts, and of the cluster's nodes, without
    that of the server of S3.
    """
    common = ("build", corpus)
    yield _against_one("2 processes", corpus, (*common, OUT / "two-processes", 2, "embed"))
    if find_spec("s3fs") and find_spec("moto"):
        with serving():
            yield _against_one("into S3", corpus, (*common, "s3://bucket/sarchat", 1, "embed"))
    if find_spec("ray"):
        yield _against_one("Ray on this machine", corpus, (*common, OUT / "ray", 2, "embed", 0, "ray"))
        with ray_cluster(2, {}) as cluster:
            program = (*common, OUT / "nodes", 2, "embed", 0, "ray", cluster.address)
            # The nodes start their workers.
            run(*program)
            yield _against_one("two nodes", corpus, program, [node.process.pid for node in cluster.nodes])


def _against_one(title: str, corpus: Path, program: tuple[object, ...], nodes: Sequence[int] = ()) -> list[str]:
    """Run a build in turns with one by one process into a folder.

    Args:
        title: what runs it, or where it goes.
        corpus: the corpus.
        program: the build.
        nodes: processes that work for it, besides its own.
    """
    runs: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for _ in range(TURNS):
        one = run("build", corpus, OUT / "one-process", 1, "embed")
        before = _cpu_of(nodes)
        other = run(*program)
        runs.append((one, {**other, "cpu": other["cpu"] + _cpu_of(nodes) - before}))
    one, other = map(_best, zip(*runs, strict=True))
    wall = f"{other['seconds']:.1f} / {one['seconds']:.1f} s"
    figures, cpu = _times(other, one)
    ratios = f"{_ratio(other['seconds'], one['seconds'])} / {cpu}"
    return [f"build, {title} / 1 process, wall and CPU time", f"{wall}, {figures} of CPU", ratios, ""]


def _cpu_of(pids: Sequence[int]) -> float:
    """Return the CPU time of processes and of those below them, running or ended, in seconds."""
    ticks = 0
    for pid in {child for root in pids for child in (root, *children(root))}:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def labels() -> Iterator[list[str]]:
    """Read labels with a file per image, with their images' sizes for YOLO: the time, and whether the memory grows."""
    few, many = (write_labels(CORPORA / f"labels-{images}", images) for images in (10_000, 100_000))
    for label_format in ("voc", "yolo", "dota"):
        small, large = run("read_labels", few, label_format), run("read_labels", many, label_format)
        grown = f"{large['grown_mb']:,.0f} / {small['grown_mb']:,.0f} MB"
        figures = f"{large['cpu']:.1f} / {small['cpu']:.1f} s of CPU, memory above the imports {grown}"
        yield [f"{label_format} labels, 100,000 images / 10,000", figures, _ratio(large["cpu"], small["cpu"]), "<= 11"]


def remote() -> Iterator[list[str]]:
    """Read images behind 30 ms of latency, one by one and ahead."""
    ahead, single = in_turns(("read_remote", "ahead", 3_000), ("read_remote", "single", 100))
    yield ["images behind 30 ms of latency, read ahead / one by one", *_rates(ahead, single, "seconds"), ">= 10"]


def exports(small: Path, full: Path) -> Iterator[list[str]]:
    """Compare the export with a bare loop over the same records; its time and memory at full size."""
    folder, _ = built(small, "paths", 1, "paths")
    bare_out = OUT / "bare"
    bare_out.mkdir(exist_ok=True)
    for name, box_format in (("ms-swift", "-"), ("llama-factory", "qwen3-vl"), ("trl", "-")):
        ours, bare = in_turns(
            ("export", folder, OUT / f"export-{name}", name, box_format), ("dump_bare", folder, bare_out)
        )
        title = f"export to {name}" + ("" if box_format == "-" else f" in {box_format}")
        figures, ratio = _times(ours, bare)
        yield [f"{title} / a bare json.dumps loop, CPU time", f"{figures}, {ours['records']:,} records", ratio, ""]
    result = run("export", built(full, "full", 2, "paths")[0], OUT / "export-full", "ms-swift", "-")
    figures = f"{result['records']:,} records, {result['cpu']:.1f} s of CPU, {result['seconds']:.1f} s"
    yield ["export to ms-swift, full size", figures, "", ""]
    of_two_million = 2e6 * result["seconds"] / result["records"]
    yield ["export to ms-swift, time of 2,000,000 records", f"{of_two_million:.0f} s", "", "<= 100 s"]
    yield ["export to ms-swift, peak memory", f"{result['peak_mb']:,.0f} MB", "", "< 1,000 MB"]


def translations() -> Iterator[list[str]]:
    """Compare the time for one answer with that for a ten times longer one, over all box formats."""
    few, many = in_turns(("translate", 200), ("translate", 2_000))
    figures, ratio = _times(many, few)
    figures += f", {many['records']:,} / {few['records']:,} boxes"
    yield ["translating an answer of 2,000 boxes / 200, CPU time", figures, ratio, "<= 11"]


def start_up() -> Iterator[list[str]]:
    """Measure the CPU time of `sarchat --help`."""
    times = []
    for _ in range(TURNS):
        before = cpu_seconds()
        command = [str(Path(sys.executable).with_name("sarchat")), "--help"]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        times.append(cpu_seconds() - before)
    yield ["sarchat --help, CPU", f"{min(times):.2f} s", "", "< 0.5 s"]


def _compressed_without_images(metadata: pq.FileMetaData) -> int:
    """Return the size of all column chunks except the images, in bytes."""
    columns = (
        metadata.row_group(group).column(column)
        for group in range(metadata.num_row_groups)
        for column in range(metadata.num_columns)
    )
    return sum(column.total_compressed_size for column in columns if column.path_in_schema != "image.bytes")


def _ratio(first: float, second: float) -> str:
    return f"{first / second:.2f}"


def _times(first: dict[str, Any], second: dict[str, Any]) -> tuple[str, str]:
    """Return two CPU times as figures, and their ratio."""
    return f"{first['cpu']:.1f} / {second['cpu']:.1f} s", _ratio(first["cpu"], second["cpu"])


def _rates(first: dict[str, Any], second: dict[str, Any], clock: str) -> tuple[str, str]:
    """Return two rates as figures, and their ratio; `clock` is `"seconds"` or `"cpu"`."""
    rates = [result["records"] / result[clock] for result in (first, second)]
    unit = "s of CPU" if clock == "cpu" else "s"
    return f"{rates[0]:,.0f} / {rates[1]:,.0f} per {unit}", _ratio(*rates)


def main() -> None:
    """Create the corpora, measure, and print the table: all of it, or the steps that the arguments name."""
    corpora = {images: write_corpus(CORPORA / str(images), images=images) for images in (1_000, 10_000, 100_000)}
    real = write_corpus(CORPORA / "real", images=2_000, image_bytes=REAL)
    full = write_corpus(CORPORA / "full")
    OUT.mkdir(exist_ok=True)
    rows: list[list[str]] = []
    small, large = corpora[10_000], corpora[100_000]
    steps = {
        "speeds": speeds(small, large),
        "sizes": sizes(small),
        "real_sizes": real_sizes(real),
        "scaling": scaling(corpora),
        "scores": scores(full),
        "answers": answers(real, small),
        "planning": planning(),
        "planning_in_s3": planning_in_s3(),
        "places": places(real),
        "labels": labels(),
        "remote": remote(),
        "exports": exports(small, full),
        "translations": translations(),
        "start_up": start_up(),
    }
    if unknown := {*sys.argv[1:]} - {*steps}:
        sys.exit(f"no step {', '.join(sorted(unknown))}; choose from {', '.join(steps)}")
    for name, step in steps.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        start = time.perf_counter()
        for row in step:
            print("  ".join(row), file=sys.stderr)
            rows.append(row)
        print(f"These rows took {time.perf_counter() - start:.0f} s.", file=sys.stderr)
    print(format_table(["measured", "figures", "ratio", "target"], rows))


if __name__ == "__main__":
    main()
