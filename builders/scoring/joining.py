"""Records with a model's answers, each scored by the metric; the basis of scores, comparisons and reports.

Answers are joined to records by id, or in order if every row repeats its record's gold answer or question.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from builders.core.errors import SARChatError
from builders.corpus.info import CorpusInfo
from builders.notation.formats import Notation
from builders.notation.render import render_text
from builders.notation.translate import Translation, translate
from builders.scoring.gold import Gold
from builders.scoring.readers import Answer, AnswerSource, read_answers
from sarchat_metric import BOX, SUB_SCORES, Categories, RecordScore, final_answer, score_record

# Suffixes of files that are not data sets.
_ANSWER_SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".xlsx", ".parquet")
_NO_ANSWER = Answer("", "")


class ScoredRecord(NamedTuple):
    """A record, the answer to it, and their comparison.

    Attributes:
        id: the record's id.
        reference: the columns of the record that were read.
        answer: the answer from its file; `None` if there is none, which scores like an empty one.
        translation: the answer in SARChat's notation, without its reasoning.
        result: what the metric read of both, and the counts of each sub-score.
        info: what the record's corpus is about.
    """

    id: str
    reference: Mapping[str, Any]
    answer: Answer | None
    translation: Translation
    result: RecordScore
    info: CorpusInfo

    @property
    def accuracy(self) -> float:
        """The record's score in percent: Eq. 5 for this record alone, the mean of its sub-scores."""
        counts = self.result.counts
        own = [counts[key] for key in SUB_SCORES[self.result.task] if key in counts]
        return sum(100 * tp / (tp + fp + fn) for tp, fp, fn in own) / len(own)


@dataclass(frozen=True)
class JoinedAnswers:
    """A model's answers, joined to the records that they answer.

    Attributes:
        source: the file of the answers.
        gold: the records.
        answers: the answers to them, by the record's id.
        left_out: the number of answers to other records of the split: of tasks that the config leaves out, or of those
            that the limit does.
    """

    source: AnswerSource
    gold: Gold
    answers: dict[str, Answer]
    left_out: int = 0

    @property
    def missing(self) -> int:
        """The number of records without an answer."""
        return len(self.gold.records) - len(self.answers)

    def score(self, ids: Iterable[str] | None = None) -> Iterator[ScoredRecord]:
        """Yield the records in order, each scored.

        Args:
            ids: the ids of the records, in the order in which they come; all if `None`.

        Raises:
            SARChatError: if a gold answer cannot be read.
        """
        bar = tqdm(self.gold.records if ids is None else ids, desc="Scoring", unit=" records", delay=1, disable=None)
        for record_id in bar:
            yield self._score(record_id)

    def score_with(self, other: JoinedAnswers) -> Iterator[tuple[ScoredRecord, ScoredRecord]]:
        """Yield the records in order, scored with both models' answers; an equal one in one notation is scored once.

        Raises:
            SARChatError: if a gold answer cannot be read.
        """
        is_alike = self.source.notation == other.source.notation
        for record in self.score():
            answer = other.answers.get(record.id)
            if is_alike and (answer or _NO_ANSWER).text == (record.answer or _NO_ANSWER).text:
                yield record, record._replace(answer=answer)
            else:
                yield record, other._score(record.id)

    def _score(self, record_id: str) -> ScoredRecord:
        reference, answer = self.gold.records[record_id], self.answers.get(record_id)
        size = reference["width"], reference["height"]
        # Of a row that names its own notation, with the size of its image.
        notation = (answer and answer.notation) or self.source.notation
        translation = translate((answer or _NO_ANSWER).text, notation.format, *size, notation.input_size)
        try:
            result = score_record(translation.text, reference, self.gold.data.info.vocabulary)
        except ValueError as error:
            raise SARChatError(f"{self.gold.data.location}, record {record_id}: {error}") from error
        return ScoredRecord(record_id, reference, answer, translation, result, self.gold.data.info)


def join_file(source: AnswerSource, gold: Gold) -> JoinedAnswers:
    """Read a file of answers and join them to their records.

    Args:
        source: the file, the tool that wrote it, and the format in which the model writes boxes.
        gold: the records. Answers to other records of the split, of other tasks or beyond its limit, are counted.

    Raises:
        SARChatError: if the file, a row or an id is wrong, rows without an id are not in the records' order, or no
            answer belongs to one of the records.
    """
    rows = read_answers(source, gold.split)
    records = gold.records
    if gold.limit is not None:
        # Read one extra row: if it has no id, the model was asked all of the split.
        head = list(itertools.islice(rows, len(records) + 1))
        if len(head) > len(records) and head[0].id is None:
            records = dict(gold.read())
        rows = itertools.chain(head, rows)
    answers = join_answers(rows, records, source.location, source.notation, gold.data.info.vocabulary)
    joined = {record_id: answers[record_id] for record_id in gold.records if record_id in answers}
    outside = answers.keys() - joined.keys()
    known = gold.ids_left_out(outside)
    unknown = [record_id for record_id in answers if record_id in outside and (record_id not in known or not joined)]
    if unknown:
        more = f" (and {len(unknown) - 1:,} more)" if len(unknown) > 1 else ""
        raise SARChatError(
            f"{source.location}: id {unknown[0]!r}{more} is not in {gold.data.location}, config {gold.config}, split "
            f"{gold.split}; choose the config and split that the model was run on"
        )
    return JoinedAnswers(source, gold, joined, len(known))


def check_order(predictions: str, references: str, option: str = "--references") -> None:
    """Refuse answers and data set in the wrong order.

    Raises:
        SARChatError: if the answers are a folder, or the data set is a file of answers.
    """
    if Path(predictions).is_dir():
        raise SARChatError(
            f"{predictions} is a folder, not a file of answers; give the answers first, and the data set with {option}"
        )
    if Path(references).is_file() and Path(references).name.removesuffix(".gz").endswith(_ANSWER_SUFFIXES):
        raise SARChatError(
            f"{option} {references} is a file of answers or of records, not a data set; give a built folder, a Hub "
            "data set or SARDet-100K there, and the answers first"
        )


def join_answers(
    answers: Iterable[Answer],
    records: Mapping[str, Mapping[str, Any]],
    location: str,
    notation: Notation,
    categories: Categories = None,
) -> dict[str, Answer]:
    """Return the answers by the id of their record.

    Args:
        answers: the answers in the order of their file.
        records: the records in their order, by id, with `messages`, `width` and `height`.
        location: the file, for messages.
        notation: the box format in which the model was asked; the tool's copy of the gold or the question may be
            written in it.
        categories: the corpus's categories as the metric takes them.

    Raises:
        SARChatError: if there is no answer, an id appears twice, only some rows have an id, or a row without an id does
            not repeat the gold answer or the question of the record at its position.
    """
    joined: dict[str, Answer] = {}
    ids = list(records)
    ordered = 0
    for number, answer in enumerate(answers):
        ordered += answer.id is None
        if ordered not in (0, number + 1):
            raise SARChatError(f"{answer.place}: some rows have an id and some have none; give every row its own")
        record_id = (
            _match_in_order(answer, number, ids, records, answer.notation or notation, categories)
            if answer.id is None
            else answer.id
        )
        if answer.notation is not None and answer.notation.format != notation.format:
            raise SARChatError(
                f"{answer.place}: its question was written with boxes in {answer.notation.format.name}, not in "
                f"{notation.format.name}; use --box-format {answer.notation.format.name}"
            )
        if record_id in joined:
            raise SARChatError(
                f"{answer.place}: id {record_id!r} appears more than once, first in {joined[record_id].place}; keep one"
            )
        joined[record_id] = answer
    if not joined:
        raise SARChatError(f"{location} contains no answer; expected one row per record")
    return joined


def _match_in_order(
    answer: Answer,
    number: int,
    ids: list[str],
    records: Mapping[str, Mapping[str, Any]],
    notation: Notation,
    categories: Categories,
) -> str:
    """Return the id of the record at the row's position, after comparing the two."""
    place = number if answer.number is None else answer.number
    if not 0 <= place < len(ids):
        raise SARChatError(
            f"{answer.place}: there is no record {place + 1:,} to join it to, only {len(ids):,}; choose the config, "
            "split and limit that the model was run on, and keep the rows of one run"
        )
    record = records[ids[place]]
    question, gold = (record["messages"][index]["content"] for index in (0, -1))
    for name, copy, expected in (("gold answer", answer.gold, gold), ("question", answer.question, question)):
        if isinstance(copy, str):
            spellings = _spellings(expected, record, notation, categories)
            if not _is_copy(copy, spellings, whole=name == "gold answer"):
                raise SARChatError(
                    f"{answer.place}: its {name} is {_shorten(copy)}, but that of record {ids[place]} is "
                    f"{_shorten(expected)}; without ids the rows must be in the records' order"
                )
            return ids[place]
    raise SARChatError(
        f"{answer.place}: it has no id, and neither a gold answer nor a question that identifies its record; name the "
        "column of the id with --id-field"
    )


def _is_copy(copy: str, spellings: Iterable[str], whole: bool) -> bool:
    seen = _squeeze(final_answer(copy) if whole else copy)
    return any(seen == spelling if whole else spelling in seen for spelling in spellings)


def _spellings(text: str, record: Mapping[str, Any], notation: Notation, categories: Categories) -> Iterator[str]:
    """Yield the forms of a text in tools' files: unchanged, in the box format, without its tokens, with `<bbox>`."""
    yield _squeeze(text)
    fmt = notation.format
    rendered = render_text(text, fmt, record["width"], record["height"], notation.input_size, categories)
    yield _squeeze(rendered)
    for token in fmt.tokens:
        rendered = rendered.replace(token, "")
    yield _squeeze(rendered)
    yield _squeeze(BOX.sub("<bbox>", text))


def _squeeze(text: str) -> str:
    """Remove white space, which chat templates and tokenizers change."""
    return "".join(text.split())


def _shorten(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:80]}...")
