"""Files of a model's scores: what `sarchat score` writes, and reading those of `--output` and `--details` back.

A build keeps the scores of blind players in its `baseline.json`: what a model must exceed to show that it looks.
Those of `--eval-results` are entries of a model's repository on the Hub (https://huggingface.co/docs/hub/eval-results).

The counts of every record are a small JSON value in a file of `--output`. Many records have equal counts, so a
task's are a list of the different ones (`kinds`) and the index of each record's counts in it (`records`: 32-bit
little-endian integers, deflated, in base64).
"""

from __future__ import annotations

import base64
import json
import logging
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from builders.core.checksums import hash_text, new_digest
from builders.core.errors import SARChatError, one_line
from builders.core.resources import load_json
from builders.core.schema import ALL, base_id
from builders.core.writing import writing_whole
from builders.data.open_data import REPO_ID
from builders.data.reader import BASELINE
from builders.data.records import Records
from builders.scoring.answer_rows import read_rows
from builders.scoring.bootstrap import count_table, tally_of, unique_rows
from builders.scoring.gold import number_of_wordings
from builders.scoring.readers import COSTS, measured
from builders.scoring.result import AVERAGES, COUNTED, OWN_IMAGE, UNREAD, BlindScores, Result, scores_of, update_hash
from sarchat_metric import EXTRA_SCORES, SUB_SCORES, TASKS, VERSION, RecordScore, Tally, collect

_HINT = "give a file of `sarchat score --output`"
_LEVEL = 9
_MOST = 2**31 - 1  # of what is counted in a record
_IN_AVERAGES = [key for keys in SUB_SCORES.values() for key in keys]

# What every file of scores contains, every file of details, and every one of a probe's scores.
SCORES_MARK, DETAILS_MARK, PROBE_MARK = b'"metric_version"', b'"accuracies"', b'"probe": {'
# From the root of the model's repository on the Hub.
EVAL_RESULTS = Path(".eval_results", "sarchat.yaml")
# What the first line of a file of details starts with.
_DETAILS_START = b'{"id": '


def write_result(path: Path, result: Result, run: Mapping[str, Any]) -> None:
    """Write the scores of a run and its options by name: the metric's dict, and beside it all that belongs to it."""
    with writing_whole(path) as stream:
        stream.write(json.dumps(_to_content(result, run), indent=1) + "\n")


def _to_content(result: Result, run: Mapping[str, Any]) -> dict[str, Any]:
    others = {other.name: _to_content(other, run) for other in result.probe[1:]}
    return {
        **result.flat,
        **result.counts,
        **run,
        "weights": result.weights,
        "missing": result.missing,
        "costs": result.costs,
        "metric_version": VERSION,
        "intervals": result.intervals,
        **({"blind": result.blind_scores, "lift": result.lifts} if result.blind_scores else {}),
        **({"wordings": result.wordings} if result.wordings > 1 else {}),
        "records": result.records,
        "corpus": result.corpus,
        "record_counts": {} if result.tally is None else pack_counts(result.tally),
        **({"probe": others} if others else {}),
    }


def read_result(path: Path) -> Result:
    """Read a file of `sarchat score --output` or `--details`, or of `evaluate.save`.

    Only the sub-scores that enter the averages are read, and the model is named like the file unless it has a name. The
    scores of details are those of `--average sample`.

    Raises:
        SARChatError: if the file cannot be read or contains none of the metric's scores, or a value is not a score.
    """
    try:
        with path.open("rb") as stream:
            is_details = stream.read(len(_DETAILS_START)) == _DETAILS_START
        content: Any = None if is_details else load_json(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SARChatError(f"cannot read {path}: {error.strerror}; {_HINT}") from error
    except ValueError as error:
        raise SARChatError(f"{path} is not JSON: {error}; {_HINT}") from error
    if is_details:
        return _read_details(path)
    result = _read_content(path, content)
    others = content.get("probe")
    if not isinstance(others, dict):
        return result
    probe = [replace(_read_content(path, other), name=one_line(name)) for name, other in others.items()]
    return replace(result, probe=(replace(result, name=OWN_IMAGE), *probe))


def _read_content(path: Path, content: Any) -> Result:  # noqa: ANN401
    scores = {key: content[key] for key in _IN_AVERAGES if key in content} if isinstance(content, dict) else {}
    if not scores:
        raise SARChatError(f"{path} contains none of the metric's scores; {_HINT}")
    for key, value in scores.items():
        if type(value) not in (int, float) or not 0 <= value <= 100:
            raise SARChatError(f"{path}: {key} is {value!r}, not a number from 0 to 100")
    sizes = _read_sizes(path, content.get("n"))
    name, params, average, records = (content.get(key) for key in ("model", "params", "average", "records"))
    corpus = content.get("corpus")
    return Result(
        # Shown in tables, charts and warnings.
        one_line(name) if isinstance(name, str) and name else path.stem,
        scores,
        sizes,
        one_line(params) if isinstance(params, str) else "",
        average if average in AVERAGES else None,
        tally=_read_counts(path, content.get("record_counts"), sizes),
        records=records if isinstance(records, str) else "",
        corpus=one_line(corpus) if isinstance(corpus, str) else "",
        counts=_read_tables(content, sizes),
        wordings=_read_wordings(path, content.get("wordings", 1), sizes),
        costs=_read_costs(content.get("costs")),
        blind_scores=_read_kept_blind(path, content.get("blind")),
        missing=content["missing"] if type(content.get("missing")) is int else 0,
        location=str(path),
    )


def read_blind(data: Records, split: str, average: str) -> BlindScores:
    """Return the scores of blind players on a split of a data set; empty if it has none.

    Raises:
        SARChatError: if the file cannot be read.
    """
    text = data.read_text(BASELINE)
    if text is None:
        return {}
    try:
        content = load_json(text)
        kinds = content["splits"].get(split, {"kinds": {}})["kinds"]
        found = {kind: _parse_blind(averages[average]) for kind, averages in kinds.items()}
        version = content["metric_version"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SARChatError(
            f"{data.location}: {BASELINE} is not one of `sarchat baseline`: {error!r:.80}; write it again"
        ) from error
    if found and version != VERSION:
        logging.getLogger(__name__).warning(
            "%s: the blind scores in %s are of metric %s, but this is %s; run `sarchat baseline` again.",
            *(data.location, BASELINE, version, VERSION),
        )
    return found


def _parse_blind(scores: object) -> dict[str, float]:
    """Return sub-scores in percent.

    Raises:
        ValueError: if they are not.
    """
    if not isinstance(scores, dict) or not all(
        key in _IN_AVERAGES and type(value) in (int, float) and 0 <= value <= 100 for key, value in scores.items()
    ):
        raise ValueError("the blind scores are not sub-scores in percent")
    return scores


def _read_kept_blind(path: Path, blind: object) -> dict[str, dict[str, float]]:
    try:
        return {str(kind): _parse_blind(scores) for kind, scores in blind.items()} if isinstance(blind, dict) else {}
    except ValueError as error:
        raise SARChatError(f"{path}: {error}; {_HINT}") from error


def _read_tables(content: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Return the numbers of answers and boxes that a file has for each of its tasks; older ones have fewer."""
    tables = {name: content[name] for name in (*UNREAD, *COUNTED, "alike") if isinstance(content.get(name), dict)}
    return {
        name: table
        for name, table in tables.items()
        if table.keys() == sizes.keys() and all(type(number) is int and number >= 0 for number in table.values())
    }


def _read_wordings(path: Path, wordings: object, sizes: Mapping[str, int]) -> int:
    if type(wordings) is not int or wordings < 1 or any(size % wordings for size in sizes.values()):
        raise SARChatError(f"{path}: wordings is {wordings!r:.80}, not the number of wordings of each record; {_HINT}")
    return wordings


def _read_sizes(path: Path, n: object) -> dict[str, int]:
    if n is None:
        return {}
    if not isinstance(n, dict) or not all(task in TASKS and type(size) is int and size > 0 for task, size in n.items()):
        raise SARChatError(f"{path}: n is {n!r:.80}, not a number of records for each task")
    return {task: n[task] for task in TASKS if task in n}


def _read_costs(costs: object) -> dict[str, dict[str, float]]:
    found = {}
    for name in COSTS:
        values = costs.get(name) if isinstance(costs, dict) else None
        if isinstance(values, dict):
            mean, median = (measured(values.get(key)) for key in ("mean", "median"))
            if mean is not None and median is not None:
                found[name] = {"mean": mean, "median": median}
    return found


def _read_counts(path: Path, packed: object, sizes: Mapping[str, int]) -> Tally | None:
    if not isinstance(packed, dict) or not sizes:
        return None
    try:
        return unpack_counts(packed, sizes)
    except ValueError as error:
        raise SARChatError(f"{path}: {error}; write it again with `sarchat score --output`") from error


def _read_details(path: Path) -> Result:
    digest, numbers = new_digest(), set[int]()

    def read_scores() -> Iterator[RecordScore]:
        for _, wordings in groupby(_read_lines(path), key=lambda line: base_id(line[0])):
            number = 0
            for record_id, answer, score in wordings:
                number += 1
                update_hash(digest, record_id, answer)
                yield score
            numbers.add(number)

    tally = collect(read_scores())
    sizes = np.bincount(tally.tasks, minlength=len(TASKS)).tolist()
    return Result(
        path.stem,
        scores_of(tally, AVERAGES[0]),
        {task: size for task, size in zip(TASKS, sizes, strict=True) if size},
        average=AVERAGES[0],
        tally=tally,
        records=digest.hexdigest(),
        wordings=number_of_wordings(numbers, str(path)),
        location=str(path),
    )


def _read_lines(path: Path) -> Iterator[tuple[str, str, RecordScore]]:
    """Yield the id and the gold answer of each record of a file of details, and what is counted of it."""
    for place, line in read_rows(str(path), container=".jsonl"):
        try:
            yield line["id"], line["answer"], _read_line(line)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise SARChatError(
                f"{place}: this is not a line of `sarchat score --details`; {_HINT} or --details, or the data set "
                "that these are answers to, with --references"
            ) from None


def _read_line(line: Mapping[str, Any]) -> RecordScore:
    """Return what is counted of a record.

    Raises:
        ValueError: if it is not what the metric counts; further errors if it has another form.
    """
    task, counts = line["task"], {key: tuple(values) for key, values in line["counts"].items()}
    own = [key for key in SUB_SCORES[task] if key in counts]
    known = {*own, *(key for key in EXTRA_SCORES if key.startswith(f"{task}/"))}
    is_text = isinstance(line["id"], str) and isinstance(line["answer"], str)
    if not own or not counts.keys() <= known or not is_text or not all(map(_is_count, counts.values())):
        raise ValueError(line)
    flags = bool(line["parsed"]), bool(line["hedged"])
    return RecordScore(task, line["scenario"], *flags, {}, {}, {}, counts, bool(line.get("upright")))


def _is_count(values: tuple[Any, ...]) -> bool:
    return len(values) == 3 and all(type(value) is int and value >= 0 for value in values) and 0 < sum(values) <= _MOST


def pack_counts(tally: Tally) -> dict[str, Any]:
    """Return the counts of all records in the sub-scores that enter the averages, by task, for `json.dump`."""
    packed = {}
    for task in TASKS:
        keys, table = count_table(tally, task)
        kept = [key for key in keys if key in SUB_SCORES[task]]
        if kept:
            columns = [3 * keys.index(key) + part for key in kept for part in range(3)]
            kinds, places, _ = unique_rows(table[:, columns])
            content = zlib.compress(places.astype("<u4").tobytes(), _LEVEL)
            packed[task] = {
                "sub_scores": kept,
                "kinds": kinds.tolist(),
                "records": base64.b64encode(content).decode("ascii"),
            }
    return packed


def unpack_counts(packed: Mapping[str, Any], sizes: Mapping[str, int]) -> Tally:
    """Return the counts that `pack_counts` wrote, given each task's number of records.

    Raises:
        ValueError: if it is damaged.
    """
    tables = {}
    for task in (task for task in TASKS if task in sizes):
        try:
            tables[task] = packed[task]["sub_scores"], _unpack_task(packed[task], task, sizes[task])
        except (KeyError, TypeError, IndexError, OverflowError, zlib.error) as error:
            raise ValueError(f"the counts of {task} are damaged") from error
    return tally_of(tables)


def _unpack_task(packed: Mapping[str, Any], task: str, size: int) -> np.ndarray:
    keys: Iterable[str] = packed["sub_scores"]
    if not set(keys) <= set(SUB_SCORES[task]):
        raise ValueError(f"the counts of {task} have sub-scores of another task")
    # No more is unpacked than the records need.
    content = zlib.decompressobj().decompress(base64.b64decode(packed["records"], validate=True), 4 * size + 1)
    places = np.frombuffer(content, "<u4") if len(content) == 4 * size else np.empty(0, "<u4")
    kinds = np.array(packed["kinds"], np.int64)
    if len(places) != size or kinds.ndim != 2 or kinds.shape[1] != 3 * len(packed["sub_scores"]):
        raise ValueError(f"the counts of {task} are not those of {size:,} records")
    totals = kinds.reshape(len(kinds), -1, 3)
    sums = totals.sum(axis=2)
    is_count = (totals >= 0).all(axis=2) & (totals <= _MOST).all(axis=2) & (sums > 0) & (sums <= _MOST)
    if not (is_count | (totals == -1).all(axis=2)).all():
        raise ValueError(f"the counts of {task} are not whole numbers from 0 to {_MOST:,}")
    return kinds[places]


def check_repo_id(repo_id: str) -> None:
    """Check that a name can be that of a data set on the Hub.

    Raises:
        SARChatError: it cannot.
    """
    if not REPO_ID.fullmatch(repo_id):
        raise SARChatError(
            f"--eval-results {repo_id}: expected the data set on the Hub that was scored, as OWNER/NAME or "
            "OWNER/NAME@REVISION"
        )


def write_eval_results(repo_id: str, result: Result, notes: str) -> None:
    """Write `EVAL_RESULTS`: one entry for each task with its score (Eq. 5), and one for all together (Eq. 4).

    Args:
        repo_id: the data set on the Hub whose records were scored, as `OWNER/NAME` or `OWNER/NAME@REVISION`.
        result: the scores.
        notes: how the answers were scored.

    Raises:
        OSError: writing failed.
    """
    name, _, revision = repo_id.partition("@")
    scores = {ALL: result.overall, **result.tasks}
    if len(scores) == 2:  # With one task, `all` would repeat it.
        del scores[ALL]
    entries = [
        {
            "dataset": {"id": name, "task_id": task} | ({"revision": revision} if revision else {}),
            "value": score,
            "notes": notes,
        }
        for task, score in scores.items()
    ]
    EVAL_RESULTS.parent.mkdir(exist_ok=True)
    text = yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=1000)
    with writing_whole(EVAL_RESULTS) as stream:
        stream.write(_sign(text) + text)


def check_replaceable() -> None:
    """Check that `EVAL_RESULTS` does not exist, or is as it was written: users may add entries to it.

    Raises:
        SARChatError: if it is not.
    """
    if not EVAL_RESULTS.exists():
        return
    text = EVAL_RESULTS.read_text(encoding="utf-8", errors="replace")
    first, _, rest = text.partition("\n")
    if f"{first}\n" != _sign(rest):
        raise SARChatError(f"{EVAL_RESULTS} was written or edited by somebody else; rename it, and merge the two later")


def _sign(text: str) -> str:
    return f"# sarchat score --eval-results, {hash_text(text)}\n"
