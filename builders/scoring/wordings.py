"""Records that are asked in several wordings: how many wordings, and how many records are answered alike in all."""

from __future__ import annotations

from collections import Counter

from builders.core.errors import SARChatError
from builders.core.schema import base_id
from builders.scoring.scored_records import ScoredRecord
from sarchat_metric import SUB_SCORES, score_record


class WordingCount:
    """Counts the wordings of records whose ids come one after the other."""

    def __init__(self) -> None:
        """Start without any record."""
        self._base, self._number = "", 0
        self._numbers = set[int]()

    def add(self, record_id: str) -> bool:
        """Count the next wording; return whether it is the first one of its record."""
        base = base_id(record_id)
        is_first = base != self._base
        if is_first:
            self._finish()
            self._base, self._number = base, 0
        self._number += 1
        return is_first

    def _finish(self) -> None:
        if self._number:
            self._numbers.add(self._number)

    def number(self, location: str) -> int:
        """Return the number of wordings of each record.

        Raises:
            SARChatError: if some records have more than others.
        """
        self._finish()
        if len(self._numbers) > 1:
            raise SARChatError(
                f"{location}: records have from {min(self._numbers)} to {max(self._numbers)} wordings; build the split "
                "with one number of --wordings"
            )
        return max(self._numbers, default=1)


class Consistency:
    """Counts the records whose answers are alike in all wordings: each scores 100 against the first one as gold."""

    def __init__(self) -> None:
        """Start without any record."""
        self._wordings = WordingCount()
        self._first: ScoredRecord | None = None
        self._is_alike = False
        self._alike = Counter[str]()

    def add(self, record: ScoredRecord) -> None:
        """Count the next record; the wordings of one record come one after the other."""
        if self._wordings.add(record.id) or self._first is None:
            self._finish()
            self._first, self._is_alike = record, record.result.parsed and not record.result.hedged
        else:
            self._is_alike = self._is_alike and _are_alike(self._first, record)

    def _finish(self) -> None:
        if self._first is not None:
            self._alike[self._first.result.task] += self._is_alike
        self._first = None

    def count(self, location: str) -> tuple[int, dict[str, int]]:
        """Return the number of wordings of each record, and by task the number of records answered alike in all.

        Raises:
            SARChatError: as `WordingCount.number`.
        """
        self._finish()
        return self._wordings.number(location), dict(self._alike)


def _are_alike(first: ScoredRecord, other: ScoredRecord) -> bool:
    if other.translation.text == first.translation.text:
        return True
    task, scenario = first.result.task, first.result.scenario
    gold = {"task": task, "scenario": scenario, "answer": first.translation.text}
    try:
        accuracies = score_record(other.translation.text, gold, first.info.vocabulary).accuracies
    except ValueError:
        # The first answer lacks something, such as a box in a count.
        return False
    return all(accuracies[key] == 100 for key in SUB_SCORES[task] if key in accuracies)
