"""Every reader of bytes that somebody else wrote, as a target for fuzzing: with hypothesis and with atheris.

A target takes any bytes. It returns, or it raises one `SARChatError` of bounded length; anything else has escaped.
"""

from __future__ import annotations

import atexit
import gzip
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from annotation_parts import write_part
from corpora import plain_corpus, zip_corpus
from PIL import Image
from support import build

from builders.build.built_files import is_build
from builders.build.options import BuildOptions
from builders.core.checksums import hash_text, read_checksums, verify_checksums
from builders.core.errors import SARChatError
from builders.core.tables import write_tables
from builders.corpus.annotation_table import AnnotationTable
from builders.corpus.categories import Naming
from builders.corpus.corpus import find_corpus
from builders.corpus.formats.coco import Reading, read_coco
from builders.corpus.image_check import check_image
from builders.corpus.info import DEFAULT, known_corpus
from builders.corpus.label_formats import Faults, SplitLabels, complete_options, find_candidates, open_labels
from builders.corpus.parquet_annotations import read_parquet
from builders.corpus.source import open_source
from builders.corpus.targets import AnnotatedImage
from builders.corpus.viewing import FORMATS, read_view
from builders.data.open_data import open_data
from builders.data.reader import open_build
from builders.export.manifest import is_export
from builders.notation.formats import (
    FORMAT_NAMES,
    INPUT_PIXELS,
    NATIVE,
    Notation,
    get_format,
    read_input_size,
    read_resize_rule,
)
from builders.notation.render import render_text
from builders.notation.translate import translate
from builders.predict.answers import open_answers
from builders.scoring.joining import join_answers
from builders.scoring.leaderboard import tabulate_leaderboard
from builders.scoring.readers import AnswerSource, read_answers
from builders.scoring.result_files import pack_counts, read_result
from builders.scoring.sidecar import read_asked
from sarchat_metric import collect, score, score_record

# A message longer than this is no line that anybody reads.
LONGEST_MESSAGE = 1_100
TASK, SPLIT = "referring", "test"
GOLD = {
    "classification": "The image shows a ship.",
    "description": "A small ship lies in the top left.",
    "counting": "There are 2 instances. {<10><10><50><50>}{<60><60><90><90>}",
    "grounding": "There are 2 ships: one in the top left {<10><10><50><50>}, another in the middle center "
    "{<60><60><90><90>}.",
    "identification": "This is a very small ship in the top left of the image, wide in shape.",
    "referring": "{<10><10><50><50>} (top left){<60><60><90><90>} (middle center)",
}
RECORDS = {
    f"{task}/test/{number:07d}/0": {
        "task": task,
        "scenario": "multi",
        "width": 100,
        "height": 100,
        "messages": [{"role": "user", "content": f"[refer] Where?{number}"}, {"role": "assistant", "content": gold}],
    }
    for number, (task, gold) in enumerate(GOLD.items())
}


@dataclass(frozen=True)
class Target:
    """A reader under attack.

    Attributes:
        name: its name.
        read: reads the bytes.
        seeds: well-formed inputs to start from.
        documents: the same as JSON values, if the input is JSON; `dump` writes one.
        dump: writes a document.
        tokens: what has a meaning to the reader.
        growing: openings and repeated parts of inputs whose time must grow no faster than their length. Those of the
            metric and of box formats are in tests of their own.
    """

    name: str
    read: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]
    documents: Callable[[], list[Any]] = list
    dump: Callable[[Any], bytes] = lambda document: json.dumps(document).encode("utf-8")
    tokens: tuple[bytes, ...] = ()
    growing: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)


class EscapedError(AssertionError):
    """A reader raised something other than one SARChatError, or one that fills a screen."""


def check(target: Target, data: bytes) -> bool:
    """Read some bytes; return whether they were accepted.

    Raises:
        EscapedError: the reader did neither return nor raise one SARChatError.
    """
    try:
        target.read(data)
    except SARChatError as error:
        if len(str(error)) > LONGEST_MESSAGE:
            raise EscapedError(f"{target.name}: the message has {len(str(error)):,} characters") from error
        return False
    except Exception as error:
        raise EscapedError(f"{target.name}: {type(error).__name__}: {error}"[:500]) from error
    return True


# What the targets work in: one folder per process, as each makes its corpus and builds again.


def working_folder() -> Path:
    """Return this process's folder, in the one of the process that it was forked from."""
    folder = _top_folder() / str(os.getpid())
    folder.mkdir(exist_ok=True)
    return folder


@cache
def _top_folder() -> Path:
    """Return a folder of this process and its forks, which it removes at its end."""
    top = Path(tempfile.mkdtemp(prefix="sarchat-fuzz-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    # A fork must not remove its parent's.
    owner = os.getpid()
    atexit.register(lambda: owner == os.getpid() and shutil.rmtree(top, ignore_errors=True))
    return top


def _write(name: str, data: bytes) -> Path:
    path = working_folder() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@cache
def corpus() -> Path:
    """Return a corpus of seven images."""
    return plain_corpus(working_folder() / "corpus")


@cache
def _good_build() -> Path:
    out = working_folder() / "good"
    build(corpus(), out, BuildOptions(tasks=(TASK,), splits=(SPLIT,)))
    return out


@cache
def _build_to_spoil(use: str) -> Path:
    """Return a copy of a good build, one per use, in which one file is replaced again and again."""
    return Path(shutil.copytree(_good_build(), working_folder() / use / "sarchat"))


def _good_file(name: str) -> list[bytes]:
    return [(_good_build() / name).read_bytes()]


# COCO


def _read_coco(data: bytes) -> object:
    with AnnotationTable() as table:
        options = complete_options("coco", {}, "")
        read_coco([data], Reading("train.json", table, options, Faults("train.json", options, Counter()), Counter()))
        return _images(table)


def _images(table: AnnotationTable) -> object:
    naming = Naming(known_corpus(DEFAULT))
    naming.refuse_unknown(table.unknown_categories(naming))
    return list(table.images_in_order(naming))


def _coco_documents() -> list[Any]:
    return [json.loads(data) for data in _coco_seeds()]


def _coco_seeds() -> list[bytes]:
    return [path.read_bytes() for path in sorted((corpus() / "Annotations").iterdir())]


def _read_parquet_annotations(data: bytes) -> object:
    with AnnotationTable() as table:
        read_parquet(_write("annotations.parquet", data), "train.parquet", table)
        return _images(table)


def _parquet_annotation_seeds() -> list[bytes]:
    seeds = []
    for document in _coco_documents():
        path = working_folder() / "part.parquet"
        write_part(path, document, document["images"])
        seeds.append(path.read_bytes())
    return seeds


# Labels with a file per image


_LABELS = {
    "voc": (
        ".xml",
        "<annotation><filename>a</filename><size><width>64</width><height>48</height></size><object><name>ship"
        "</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>9.5</xmax><ymax>9</ymax></bndbox>"
        "</object><object><name>car</name><robndbox><cx>9</cx><cy>9</cy><w>4</w><h>2</h><angle>0.5</angle></robndbox>"
        "</object></annotation>",
    ),
    "yolo": (".txt", "0 0.5 0.5 0.25 0.5\n2 0.1 0.1 0.3 0.1 0.2 0.5\n1 0.1 0.1 0.3 0.1 0.3 0.5 0.1 0.5\n"),
    "dota": (".txt", "imagesource:GoogleEarth\ngsd:0.1\n1 2 11 2 11 22 1 22 ship 0\n1.5 2 11 2 11 22 1 22 car\n"),
    "visdrone": (".txt", "1,2,3,4,1,4,0,1\n1,2,3,4,0,4,0,0,\n"),
}


def _labels_target(label_format: str) -> Target:
    ending, seed = _LABELS[label_format]
    given = {
        "yolo": {"names": ["ship", "car", "tank"]},
        "voc": {"angle_unit": "radians", "angle_direction": "clockwise"},
    }
    split = SplitLabels(label_format, "labels", "images", "", given.get(label_format, {}))

    def read(data: bytes) -> object:
        image = _write(f"{label_format}/images/a.png", image_seeds()[0])
        _write(f"{label_format}/labels/a{ending}", data)
        with AnnotationTable(corners=True) as table:
            open_labels(open_source(image.parents[1]), split).read_into(table, Counter())
            return _images(table)

    growing = {"rows": (b"", b"1,2,3,4,1,4,0,1\n" if label_format == "visdrone" else b"0 0.5 0.5 0.25 0.5\n")}
    if label_format == "voc":
        growing = {
            "objects": (b"<annotation>", b"<object><name>a</name></object>"),
            "nesting": (b"<annotation>", b"<a>"),
        }
    tokens = (
        b"<object>",
        b"</object>",
        b"<bndbox>",
        b"<!DOCTYPE a>",
        b"<annotations>",
        b"nan",
        b"1e9",
        b"\xef\xbb\xbf",
    )
    return Target(f"labels of {label_format}", read, lambda: [seed.encode()], tokens=tokens, growing=growing)


def _read_names(data: bytes) -> object:
    image = _write("names/images/a.png", image_seeds()[0])
    _write("names/labels/a.txt", b"0 0.5 0.5 0.25 0.5\n")
    _write("names/data.yaml", data)
    return [
        open_labels(open_source(image.parents[1]), labels).digest()
        for candidate in find_candidates(open_source(image.parents[1]))
        for labels in candidate.splits.values()
    ]


# Answers


def _score_answers(name: str, tool: str | None, data: bytes) -> object:
    """Read, join and score a file of answers, as `sarchat score` does."""
    notation = Notation(get_format(NATIVE))
    path = _write(f"answers/{name}", data)
    answers = join_answers(read_answers(AnswerSource(str(path), tool)), RECORDS, path.name, notation)
    for record_id, answer in answers.items():
        reference = RECORDS.get(record_id)
        if reference:
            translation = translate(answer.text, notation.format, 100, 100)
            score_record(translation.text, reference)
    return answers


def _answer_rows(tool: str | None) -> list[dict[str, Any]]:
    """Return what a tool writes for the records."""
    rows = []
    for number, (record_id, record) in enumerate(RECORDS.items()):
        question, gold = (message["content"] for message in record["messages"])
        body = {"choices": [{"message": {"content": gold}, "finish_reason": "stop"}]}
        rows.append(
            {
                None: {"id": record_id, "prediction": gold, "finish_reason": "stop"},
                "csv": {"id": record_id, "prediction": gold, "question": question},
                "llama-factory": {"prompt": question, "predict": gold, "label": gold},
                "lmms-eval": {"doc_id": number, "target": gold, "resps": [[gold]], "filtered_resps": [gold], "doc": {}},
                "ms-swift": {"response": gold, "labels": gold, "messages": record["messages"]},
                "openai-batch": {"custom_id": record_id, "response": {"status_code": 200, "body": body}, "error": None},
                "vlmevalkit": {"index": number, "question": question, "answer": gold, "prediction": gold},
            }[tool]
        )
    return rows


def _dump_lines(rows: Any) -> bytes:
    if not isinstance(rows, list):
        rows = [rows]
    return b"".join(json.dumps(row).encode("utf-8") + b"\n" for row in rows)


def _dump_separated(rows: Any, delimiter: str) -> bytes:
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    quoted = (delimiter.join('"' + str(cell).replace('"', '""') + '"' for cell in line) for line in lines)
    return "".join(f"{line}\r\n" for line in quoted).encode("utf-8", "surrogatepass")


def _dump_parquet(rows: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def _dump_excel(rows: Any) -> bytes:
    from openpyxl import Workbook

    workbook, sink = Workbook(), io.BytesIO()
    for line in [list(rows[0]), *(list(row.values()) for row in rows)]:
        workbook.active.append(line)
    workbook.save(sink)
    return sink.getvalue()


def _answers_target(tool: str | None) -> Target:
    rows = _answer_rows(tool)
    dump = (lambda rows: _dump_separated(rows, ",")) if tool == "csv" else _dump_lines
    return Target(
        f"answers of {tool or 'sarchat'}",
        lambda data: _score_answers("answers.jsonl", tool, data),
        lambda: [dump(rows)],
        documents=list if tool == "csv" else lambda: [rows],
        dump=_dump_lines,
        tokens=tuple(f'"{key}"'.encode() for key in rows[0]),
        growing={
            "rows": (b"", _dump_lines(rows[:1])),
            "answer": (b'{"id": "x", "prediction": "', b"{<1><2><3><4>} (top left)"),
            "nesting": (b"", b'{"a":'),
            "list": (b"[", b'{"a":1},'),
        },
    )


def _inspect_target() -> Target:
    """A log of Inspect AI as JSON; the other kind is read by Inspect itself."""
    samples = [
        {"id": record_id, "output": {"completion": record["messages"][-1]["content"], "choices": []}, "error": None}
        for record_id, record in RECORDS.items()
    ]
    return _json_target(
        "answers of inspect", lambda data: _score_answers("log.json", "inspect", data), {"samples": samples}
    )


def _container_target(name: str, file_name: str, tool: str | None, seed: Callable[[], bytes]) -> Target:
    return Target(f"answers in {name}", lambda data: _score_answers(file_name, tool, data), lambda: [seed()])


# Boxes and answers in other notations


_SIZES = {True: (None,), False: (read_input_size("640x480"), read_resize_rule("28,3136,12845056"))}


def _translate_all(data: bytes) -> object:
    """Translate a text from every format and score it; lone surrogates stand for what JSON can hold."""
    text = data.decode("utf-8", "surrogateescape")
    for name in FORMAT_NAMES:
        fmt = get_format(name)
        for size in _SIZES[fmt.unit != INPUT_PIXELS]:
            translated = translate(text, fmt, 640, 480, size).text
            render_text(text, fmt, 640, 480, size)
    return translated


def _score_all(data: bytes) -> object:
    """Score a text as the answer, and as the gold answer too: someone else's data set may hold any."""
    text = data.decode("utf-8", "surrogateescape")
    for record in RECORDS.values():
        if not all(0 <= value <= 100 for value in score_record(text, record).accuracies.values()):
            raise ArithmeticError("an accuracy is not from 0 to 100")
        try:
            score([text], [{"task": record["task"], "scenario": "multi", "answer": text}])
        except ValueError:
            # A gold answer that says nothing is refused; the metric stands alone and has no SARChatError.
            pass
    return text


def _format_seeds() -> list[bytes]:
    gold = GOLD["grounding"]
    sizes = {name: _SIZES[get_format(name).unit != INPUT_PIXELS][0] for name in FORMAT_NAMES}
    return [render_text(gold, get_format(name), 640, 480, sizes[name]).encode("utf-8") for name in FORMAT_NAMES]


# Someone else's build


def _read_sums(data: bytes) -> object:
    folder = _build_to_spoil("sums")
    (folder / "SHA256SUMS").write_bytes(data)
    is_build(folder)
    fingerprint = open_data(str(folder)).fingerprint
    read_checksums(folder)
    verify_checksums(folder)
    return fingerprint


def _read_card(data: bytes) -> object:
    folder = _build_to_spoil("card")
    (folder / "README.md").write_bytes(data)
    with suppress(SARChatError):
        is_build(folder)
    opened = open_build(folder)
    for config in ("all", *opened.tasks):
        for split in opened.splits(config):
            opened.count(config, split)
    return _read_all(folder)


def _read_build_info(data: bytes) -> object:
    folder = _build_to_spoil("info")
    (folder / "build.json").write_bytes(data)
    with suppress(SARChatError):
        is_build(folder)
    return open_data(str(folder)).version


def _read_parquet(data: bytes) -> object:
    folder = _build_to_spoil("parquet")
    (folder / TASK / f"{SPLIT}-00000-of-00001.parquet").write_bytes(data)
    opened = open_build(folder)
    if opened.count(TASK, SPLIT):
        opened.record(TASK, SPLIT, 0)["image"].read()
    return _read_all(folder)


def _read_all(folder: Path) -> object:
    """Read every record of a build, as `score` and `export` do."""
    data = open_data(str(folder))
    for task in data.tasks:
        for split in data.splits(task):
            data.subset([task], split, 5)
            for row in data.rows(task, split):
                row["image"].read()
    return data.fingerprint


def _parquet_seeds() -> list[bytes]:
    return [path.read_bytes() for path in sorted((_good_build() / TASK).glob("*.parquet"))]


def _card_documents() -> list[Any]:
    from builders.core.resources import load_yaml

    card = (_good_build() / "README.md").read_text(encoding="utf-8")
    metadata = load_yaml(card.split("---\n")[1])
    return [{"configs": metadata["configs"]}]


def _dump_card(document: Any) -> bytes:
    # JSON is YAML.
    return b"---\n" + json.dumps(document).encode("utf-8") + b"\n---\n"


# The corpus as a zip


def _read_zip(data: bytes) -> object:
    found = find_corpus(_write("corpus.zip", data))
    for split in found.splits:
        folder = found.folders[split]
        with found.annotations(split) as annotations:
            images = list(annotations.images())
        for image in images:
            name = f"{folder}/{image.file_name}"
            content = found.source.read(name)
            check_image(io.BytesIO(content), image, name, decode=False)
        dict(found.source.list_sizes(folder))
    return found.fingerprint()


def _zip_seeds() -> list[bytes]:
    methods = zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED
    return [
        zip_corpus(corpus(), working_folder() / f"{method}.zip", method=method, top=bool(method)).read_bytes()
        for method in methods
    ]


# Images


def _read_image(data: bytes) -> object:
    """Check an image's header, decode it, and scale it as for a picture."""
    image = AnnotatedImage(1, "a.png", 20, 10, ())
    check_image(io.BytesIO(data), image, "a.png", decode=False)
    check_image(io.BytesIO(data), image, "a.png", decode=True)
    return read_view(io.BytesIO(data), 2048)


def image_seeds() -> list[bytes]:
    """Return an image of 20 x 10 pixels in every mode that the four formats store."""
    pixels = (np.arange(200, dtype=np.uint16) * 300).reshape(10, 20)
    gray = Image.fromarray((pixels >> 8).astype(np.uint8))
    images = [gray.convert(mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F")]
    images += [Image.fromarray(pixels)]
    seeds = []
    for image in images:
        for kind in FORMATS:
            sink = io.BytesIO()
            try:
                image.save(sink, kind)
                with Image.open(sink) as opened:
                    opened.load()
            except OSError:
                # This format has no such mode, or Pillow cannot read back what it writes (12: YCbCr as TIFF).
                continue
            seeds.append(sink.getvalue())
    return seeds


# Files of the commands themselves


def _read_scores(data: bytes) -> object:
    return write_tables([tabulate_leaderboard([read_result(_write("scores.json", data))])])


def _resume_answers(data: bytes) -> object:
    """Resume a run of `sarchat predict` whose file somebody edited."""
    path = _write("predict/answers.jsonl", data)
    _write("predict/answers.jsonl.meta.json", b'{"base_urls": [], "server_models": [], "model": "m", "options": {}}')
    with open_answers(path, {"model": "m"}) as answers:
        return answers.images


def _resume_sidecar(data: bytes) -> object:
    path = _write("sidecar/answers.jsonl", b'{"id": "a", "prediction": "b"}\n')
    _write("sidecar/answers.jsonl.meta.json", data)
    with open_answers(path, {"model": "m"}) as answers:
        return read_asked(path), answers.server_models


def _read_manifest(data: bytes) -> object:
    _write("export/train.jsonl", b"{}\n")
    return is_export(_write("export/export.json", data).parent)


_SIDECAR = {
    "model": "m",
    "options": {
        "config": "all",
        "split": "test",
        "limit": None,
        "box_format": "sarchat",
        "input_size": None,
        "resize": None,
    },
    "base_urls": [],
    "server_models": ["x"],
    "checksum": "0" * 32,
}
_MANIFEST = {"kind": "sarchat export", "files": {"train.jsonl": "0" * 64}, "images": {"count": 0, "names_sha256": ""}}
_MANIFEST |= {"digest": hash_text(json.dumps(_MANIFEST))}
_TALLY = collect(score_record(record["messages"][-1]["content"], record) for record in RECORDS.values())
_SCORES = {"referring/single/iou@0.25": 50.0, "counting/count": 100.0, "n": dict.fromkeys(GOLD, 1)}
_SCORES |= {"model": "mine", "params": "7B", "average": "sample", "record_counts": pack_counts(_TALLY)}
_DETAILS = {"id": "a", "answer": "b", "task": "counting", "scenario": "single", "parsed": True, "hedged": False}
_DETAILS |= {"counts": {"counting/count": [1, 0, 0]}}
_BUILD_INFO = {"version": "1.1.0", "generator": {"name": "sarchat-bench"}, "options": {"tasks": ["referring"]}}
_NOTATION_TOKENS = (b"<think>", b"</think>", b'{"bbox_2d":[', b"<loc0001>", b"<box>", b"{<1><2>", b"[[", b"```json\n")


def _json_target(name: str, read: Callable[[bytes], object], document: Any) -> Target:
    return Target(
        name,
        read,
        lambda: [json.dumps(document).encode("utf-8")],
        documents=lambda: [document],
        tokens=tuple(f'"{key}"'.encode() for key in document),
        growing={"nesting": (b"", b'{"a":'), "members": (b'{"a":1', b',"b":[1,2]'), "text": (b'"', b"a")},
    )


TARGETS = {
    target.name: target
    for target in (
        Target(
            "annotations",
            _read_coco,
            _coco_seeds,
            documents=_coco_documents,
            tokens=(b'"images"', b'"bbox"', b'"file_name"', b'"category_id"', b'"id"', b'"iscrowd"'),
            growing={
                "images": (b'{"images": [', b'{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9},'),
                "nesting": (b"", b'{"images":'),
                "name": (b'{"categories": [], "annotations": [], "images": [{"id": 1, "file_name": "', b"a/"),
            },
        ),
        *map(_labels_target, _LABELS),
        Target(
            "data.yaml",
            _read_names,
            lambda: [b"path: .\ntrain: ../images\nval: [images]\nnames: {0: ship, '1': car}\nnc: 2\n"],
            tokens=(b"names", b"nc", b"train", b"&a", b"*a", b"!!python/name:a", b"../", b"[", b"{"),
        ),
        Target("annotations in Parquet", _read_parquet_annotations, _parquet_annotation_seeds),
        *(_answers_target(tool) for tool in (None, "csv", "llama-factory", "lmms-eval", "ms-swift")),
        *(_answers_target(tool) for tool in ("openai-batch", "vlmevalkit")),
        _inspect_target(),
        _container_target("a list", "answers.json", None, lambda: json.dumps(_answer_rows(None)).encode()),
        _container_target(
            "TSV", "answers.tsv", "vlmevalkit", lambda: _dump_separated(_answer_rows("vlmevalkit"), "\t")
        ),
        _container_target("Parquet", "answers.parquet", None, lambda: _dump_parquet(_answer_rows(None))),
        _container_target("Excel", "answers.xlsx", "vlmevalkit", lambda: _dump_excel(_answer_rows("vlmevalkit"))),
        _container_target("gzip", "answers.jsonl.gz", None, lambda: gzip.compress(_dump_lines(_answer_rows(None)))),
        Target(
            "box formats",
            _translate_all,
            _format_seeds,
            tokens=_NOTATION_TOKENS,
        ),
        Target(
            "metric",
            _score_all,
            lambda: [gold.encode("utf-8") for gold in GOLD.values()],
            tokens=(b"ship", b"top left", b"to the", b"{<1><2><3><4>}", b"hundred", b"<think>", b"</think>"),
        ),
        Target(
            "checksums",
            _read_sums,
            lambda: _good_file("SHA256SUMS"),
            tokens=(b"../", b"/etc/passwd", b"  ", b" *", b"\0", b"README.md", b"0" * 64),
            growing={"lines": (b"", b"0" * 64 + b"  a\n"), "no line": (b"", b"0" * 64)},
        ),
        Target(
            "card",
            _read_card,
            lambda: _good_file("README.md"),
            documents=_card_documents,
            dump=_dump_card,
            tokens=(
                b"---\n",
                b"configs:",
                b"- config_name: ",
                b"path: ",
                b"**",
                b"../",
                b"&a ",
                b"*a",
                b"!!python/name:os.system",
            ),
            growing={
                "rules": (b"---\n", b"a\n--"),
                "configs": (b"---\nconfigs:\n", b"- config_name: a\n  data_files: []\n"),
                "text": (b"---\nconfigs: []\n---\n", b"---\n"),
            },
        ),
        _json_target("build.json", _read_build_info, _BUILD_INFO),
        Target("Parquet of a build", _read_parquet, _parquet_seeds),
        Target(
            "zip", _read_zip, _zip_seeds, tokens=(b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"../", b"Annotations/")
        ),
        Target(
            "image", _read_image, image_seeds, tokens=(b"IHDR", b"IDAT", b"eXIf", b"II*\0", b"\xff\xd8", b"Exif\0\0")
        ),
        _json_target("scores", _read_scores, _SCORES),
        _json_target("details", _read_scores, _DETAILS),
        Target(
            "predict's answers",
            _resume_answers,
            lambda: [b'{"id": "a", "prediction": "b", "image": "c"}\n{"id": "b", "prediction": "c"}\n'],
        ),
        _json_target("predict's sidecar", _resume_sidecar, _SIDECAR),
        _json_target("export.json", _read_manifest, _MANIFEST),
    )
}
