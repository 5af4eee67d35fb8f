"""Numbers from the paper (arXiv 2502.08168), and a data set's statistics beside them, as tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from builders.core.resources import read_yaml
from builders.core.schema import ALL, IN_ALL, TASKS
from builders.core.tables import Figure, Table
from builders.corpus.info import DEFAULT, CorpusInfo, known_corpus
from builders.data.analysis.statistics import Statistics, add_up
from builders.tasks.geometry import SHAPES

_OF_PAPER = re.compile(r" \((?:Tables?|Figures?) [^)]*\)$")
_RATIO_ROWS = {"mean": "mean", "median": "median", "sd": "SD"}
_CATEGORY_ROWS = {
    "boxes": "boxes",
    **_RATIO_ROWS,
    "low": "% up to 0.67",
    "middle": "% 0.67 to 1.5",
    "high": "% above 1.5",
}
# Numbers of a build with fewer boxes or records than this share of the paper's are not compared.
_LEAST_SHARE = 0.8
# Shares and means of fewer targets say little.
_FEWEST = 1000
_MOST_WORDS = 20
_NOTES = (
    "Differences are in percent of the paper's number. Numbers are compared only if the build has at "
    f"least {100 * _LEAST_SHARE:.0f} % of the paper's boxes or records, shares and means only if it has "
    f"at least {_FEWEST:,} of them.",
    "A box that is empty, outside its image, marked to be ignored or a duplicate is not a target, so a build may have "
    "fewer than Table 1. Aspect ratio is width / height, which matches Table 4; the paper's Eq. 2 has height / width, "
    "shown under Table 2 for comparison. SD divides by N. Two numbers of the paper are misprints: the counting test "
    "set in Table 5 (11,704 adds up), and the tanks in Table 4, train.",
    "Figure 7 prints 179,652 roughly square targets; the shares of Table 4 give about 130,000 in train and test.",
    "Words: runs of letters and digits, without boxes and tags. Sentences end with . ! or ? or with their message. The "
    "average caption length is the number of words per message, questions and answers alike, which is how the paper's "
    "numbers fit each other; other wordings have other lengths. Frequencies leave out function words.",
)


def read_paper_statistics() -> dict[str, Any]:
    """Read the paper's statistics of its data, by table, split and measure."""
    return read_yaml("paper/statistics.yaml", "dataset_card")


def read_test_sizes() -> dict[str, int]:
    """Return the number of records per task in the test set, the weights of Eq. 4, with the misprint corrected."""
    paper = read_paper_statistics()
    records = paper["records"]["test"] | paper["corrected_records"]["test"]
    return {task: records[task] for task in IN_ALL if task in records}


def tabulate_comparison(statistics: Mapping[str, Statistics], info: CorpusInfo) -> list[Table]:
    """Return the statistics of each split, with those of the paper beside them if the corpus is the paper's.

    The difference is shown where it means something.
    """
    paper = read_paper_statistics() if info.name == known_corpus(DEFAULT).name else {}
    printed_boxes, printed_records, printed_ratios, printed_by_category = (
        paper.get(key, {}) for key in ("boxes", "records", "aspect_ratio", "aspect_ratio_by_category")
    )
    boxes, records, ratios, inverse = (
        {split: getattr(figures, name) for split, figures in statistics.items()}
        for name in ("boxes", "records", "aspect_ratio", "inverse_ratio")
    )
    full = {split: _is_full(boxes[split], printed_boxes.get(split), info.names) for split in statistics}
    many = {split: sum(boxes[split].values()) >= _FEWEST for split in statistics}
    full_tasks = {split: _is_full(records[split], printed_records.get(split), (*IN_ALL, ALL)) for split in statistics}
    # Shares of the tasks of `all`, if all of them were built.
    many_records = {
        split: {*IN_ALL} <= {*counts} and sum(counts[task] for task in IN_ALL) >= _FEWEST
        for split, counts in records.items()
    }
    # Tasks that the paper does not have come last, below the sum that it has.
    beside = [task for task in TASKS if task not in IN_ALL and any(task in counts for counts in records.values())]
    categories, tasks = {name: name for name in info.names}, {name: name for name in (*IN_ALL, ALL, *beside)}
    tables = [
        _table("Boxes per category (Table 1)", "category", categories, boxes, printed_boxes, full),
        _table(
            "Share of boxes per category in % (Figures 5, 6)",
            "category",
            categories,
            _to_shares(boxes, info.names),
            _to_shares(printed_boxes, info.names),
            many,
        ),
        _table("Records per task (Table 5)", "task", tasks, records, printed_records, full_tasks),
        _table(
            "Share of records per task in % (Figures 8, 9)",
            "task",
            {name: name for name in IN_ALL},
            _to_shares(records, IN_ALL),
            _to_shares(printed_records, IN_ALL),
            many_records,
        ),
        _table("Aspect ratio, width / height (Table 2)", "measure", _RATIO_ROWS, ratios, printed_ratios, many),
        _table("Aspect ratio, height / width (Table 2 again)", "measure", _RATIO_ROWS, inverse, printed_ratios, many),
    ]
    for category in info.names:
        built = {split: figures.by_category.get(category, {}) for split, figures in statistics.items()}
        printed = {split: figures.get(category, {}) for split, figures in printed_by_category.items()}
        heading = f"Aspect ratio of {category}, width / height (Table 4)"
        enough = {split: built[split].get("boxes", 0) >= _FEWEST for split in built}
        tables.append(_table(heading, "measure", _CATEGORY_ROWS, built, printed, enough, full))
    tables += [_shape_table(statistics, paper), _text_table(statistics, paper), _word_table(statistics)]
    if not paper:
        # The numbers of its tables mean nothing elsewhere.
        tables = [replace(table, title=_OF_PAPER.sub("", table.title)) for table in tables]
    *others, last = tables
    notes = _NOTES if paper else ()
    return [*others, Table(last.title, last.header, last.rows, [*notes, *_list_missing(statistics)])]


def _is_full(counts: Mapping[str, float], printed: Mapping[str, float] | None, names: Iterable[str]) -> bool:
    """Return whether everything that a build has is of about the paper's size."""
    pairs = [(counts[name], printed[name]) for name in names if printed and name in printed and name in counts]
    return bool(pairs) and sum(own for own, _ in pairs) >= _LEAST_SHARE * sum(of_paper for _, of_paper in pairs)


def _to_shares(by_split: Mapping[str, Mapping[str, float]], names: Iterable[str]) -> dict[str, dict[str, float]]:
    """Return the share in percent that each of some names has of all of them, by split."""
    shares = {}
    for split, counts in by_split.items():
        chosen = {name: counts[name] for name in names if name in counts}
        total = sum(chosen.values())
        shares[split] = {name: 100 * count / total for name, count in chosen.items()} if total else {}
    return shares


def _table(
    title: str,
    kind: str,
    rows: Mapping[str, str],
    built: Mapping[str, Mapping[str, float]],
    paper: Mapping[str, Mapping[str, float | None]],
    are_compared: Mapping[str, bool],
    are_counts_compared: Mapping[str, bool] | None = None,
) -> Table:
    """Return a table of the splits side by side.

    Args:
        title: its title.
        kind: the name of the first column.
        rows: the keys of the measures, and what they are called.
        built: the build's numbers by split.
        paper: the paper's by split.
        are_compared: the splits whose differences are shown.
        are_counts_compared: the same for whole numbers, if that differs.
    """
    chosen = {False: are_compared, True: are_counts_compared or are_compared}
    columns: dict[str, list[Any]] = {kind: list(rows.values())}
    for split, figures in built.items():
        values = [figures.get(key) for key in rows]
        columns[split] = [_show(value) for value in values]
        if split in paper:
            printed = [paper[split].get(key) for key in rows]
            columns[f"paper's {split}"] = [_show(value) for value in printed]
            differences = [
                _difference(value, of_paper) if chosen[isinstance(value, int)][split] else None
                for value, of_paper in zip(values, printed, strict=True)
            ]
            if any(differences):
                columns[f"{split} differs by %"] = differences
    return Table(title, [*columns], [list(line) for line in zip(*columns.values(), strict=True)])


def _show(value: float | None, digits: int = 3) -> int | Figure | None:
    return value if value is None or isinstance(value, int) else Figure(value, digits)


def _difference(value: float | None, printed: float | None) -> Figure | None:
    return None if value is None or not printed else Figure(100 * (value - printed) / printed, 1, sign=True)


def _shape_table(statistics: Mapping[str, Statistics], paper: Mapping[str, Any]) -> Table:
    rows: list[list[Any]] = []
    for shape in SHAPES:
        counts = [figures.shapes.get(shape) for figures in statistics.values()]
        known = [count for count in counts if count is not None]
        of_paper = [paper["shapes"].get(shape)] if paper else []
        rows.append([shape, *counts, sum(known) if known else None, *of_paper])
    header = ["shape", *statistics, "all splits", *(["paper"] if paper else [])]
    return Table("Shapes in identification (Figure 7)", header, rows)


def _text_table(statistics: Mapping[str, Statistics], paper: Mapping[str, Any]) -> Table:
    """Return words and sentences; the paper counts train and test together."""
    both = [statistics[split].texts for split in ("train", "test") if split in statistics]
    parts = [*(figures.texts for figures in statistics.values()), add_up(both)]
    values: dict[str, list[int] | list[float]] = {
        "messages": [part.messages for part in parts],
        "words": [part.words for part in parts],
        "sentences": [part.sentences for part in parts],
        "average caption length": [part.average_length for part in parts],
    }
    header = ["measure", *statistics, "train and test"]
    rows: list[list[Any]] = [[name, *(_show(number, 2) for number in numbers)] for name, numbers in values.items()]
    if paper:
        header += ["paper", "differs by %"]
        total = sum(paper["records"][split][ALL] for split in ("train", "test"))
        printed = (2 * total, *(paper["texts"][key] for key in ("words", "sentences", "average_length")))
        is_full = parts[-1].messages >= _LEAST_SHARE * 2 * total
        for row, numbers, of_paper in zip(rows, values.values(), printed, strict=True):
            is_compared = is_full or (isinstance(of_paper, float) and parts[-1].messages >= _FEWEST)
            row += [_show(of_paper, 2), _difference(numbers[-1], of_paper) if is_compared else None]
    return Table("Texts", header, rows)


def _word_table(statistics: Mapping[str, Statistics]) -> Table:
    texts = add_up(figures.texts for figures in statistics.values())
    rows = [
        [place, word, count, Figure(100 * count / texts.words, 2)]
        for place, (word, count) in enumerate(texts.most_common(_MOST_WORDS), 1)
    ]
    return Table("Most frequent words, all splits (Figure 4)", ["rank", "word", "times", "% of words"], rows)


def _list_missing(statistics: Mapping[str, Statistics]) -> Iterable[str]:
    for split, figures in statistics.items():
        missing = [task for task in IN_ALL if task not in figures.records]
        if missing:
            yield f"Not in this build: {split} of {', '.join(missing)}."
        if not figures.boxes:
            yield f"No built task of {split} contains every target, so boxes and aspect ratios are blank."
