"""What a report is made of, and what it shows."""

from __future__ import annotations

from dataclasses import dataclass

from builders.drawing.report.record_view import RecordView
from builders.scoring.comparison import Comparison
from builders.scoring.failures import Failures
from builders.scoring.result import Result


@dataclass(frozen=True)
class ReportOptions:
    """What a report is made of.

    Attributes:
        config: a task, or `all`.
        split: the split that was asked.
        limit: at most this many records of each task and scenario.
        average: `sample` or `corpus`.
        weights: the weights of the overall score, `own` or `published`.
        examples: how many records of each choice are shown.
        box_format: the name of the format in which the model writes boxes.
        params: its number of parameters, such as `7B`.
    """

    config: str = "all"
    split: str = "test"
    limit: int | None = None
    average: str = "sample"
    weights: str = "own"
    examples: int = 15
    box_format: str = "sarchat"
    params: str | None = None


@dataclass(frozen=True)
class Report:
    """Everything that the page shows.

    Attributes:
        data: the data set's location.
        answers: the file of answers.
        options: the options.
        result: the scores.
        failures: where the model fails.
        records: the records that are shown.
        baseline: the baseline and the comparison with it, if there is one.
    """

    data: str
    answers: str
    options: ReportOptions
    result: Result
    failures: Failures
    records: list[RecordView]
    baseline: tuple[Result, Comparison] | None

    @property
    def models(self) -> list[Result]:
        """The model and the baseline, if there is one."""
        return [self.result, *(self.baseline or ())[:1]]
