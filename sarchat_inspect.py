"""SARChat as a task of Inspect AI (https://inspect.aisi.org.uk); needs `pip install '.[inspect]'`.

    inspect eval sarchat_inspect/sarchat -T data=sarchat --model openai/gpt-4o

Options after `-T` are the arguments of `sarchat`. Every figure comes from SARChat's metric.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageUser, ContentImage, ContentText, GenerateConfig
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver
from tqdm import tqdm

from builders.core.schema import ALL
from builders.data.open_data import open_data
from builders.export.record import harness_row, make_record
from builders.notation.formats import check_oriented, read_notation
from builders.notation.render import Phrasing
from builders.predict.images import encode_image
from builders.scoring.exported import NUMBERS, figures, score_row
from sarchat_metric import VERSION, RecordScore, final_answer

_COLUMNS = ("id", "image", "file_name", "task", "scenario", "messages", "width", "height")


@task
def sarchat(
    data: str = "sarchat",
    config: str = ALL,
    split: str = "test",
    limit: int | None = None,
    box_format: str = "sarchat",
    input_size: str | None = None,
    resize: str | Sequence[int] | None = None,
    prompt_suffix: str | None = None,
) -> Task:
    """SARChat's questions about radar images, asked and scored as by `sarchat predict` and `sarchat score`.

    Args:
        data: a folder of `sarchat build`, a data set on the Hub (OWNER/NAME), or SARDet-100K.
        config: a task, or `all`.
        split: the split.
        limit: this many records of each task and scenario, the same on every machine; all if not given. Inspect's own
            `--limit` takes the first records instead, which belong to one task.
        box_format: the notation in which the model reads and writes boxes.
        input_size: `WxH` in pixels, for notations in pixels of the resized image.
        resize: `factor,min_pixels,max_pixels`, likewise.
        prompt_suffix: the text after every question; by default what the notation's family documents to ask for boxes.

    Raises:
        SARChatError: an argument is wrong, or the data cannot be read.
    """
    # Inspect splits the values of its options at commas.
    rule = resize if resize is None or isinstance(resize, str) else ",".join(map(str, resize))
    phrasing = Phrasing(read_notation(box_format, input_size, rule), prompt_suffix)
    _asked.clear()
    return Task(
        dataset=MemoryDataset(list(_read_samples(data, config, split, limit, phrasing)), name="sarchat", location=data),
        solver=ask(),
        scorer=sarchat_scores(),
        config=GenerateConfig(temperature=0.0, max_tokens=1024),
        version=VERSION,
    )


def _read_samples(location: str, config: str, split: str, limit: int | None, phrasing: Phrasing) -> Iterator[Sample]:
    data = open_data(location)
    tasks = data.select_scored(config, split)
    subset = data.subset(tasks, split, limit)
    if data.info.oriented:
        check_oriented(phrasing.notation.format)
    # Many records share an image; its text is in memory once.
    urls: dict[str, str] = {}
    for name in tqdm(tasks, desc="Reading", unit=" tasks", disable=None):
        for row in data.rows(name, split, subset, _COLUMNS):
            key = row["image"].key
            if key not in urls:
                urls[key] = encode_image(row["image"])
            record = make_record(row, "", phrasing, data.info)
            content = [ContentImage(image=urls[key]), ContentText(text=record.question)]
            columns = harness_row(record)
            yield Sample(
                input=[ChatMessageUser(content=content)],
                target=columns["answer"],
                id=record.id,
                metadata={key: value for key, value in columns.items() if key not in ("id", "question", "answer")},
            )


# The records that were asked by their ids and epochs: Inspect leaves samples with an error out of the scores that
# metrics get.
_asked: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)


@solver
def ask() -> Solver:
    """Ask the model, and remember that it was asked."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        _asked[str(state.sample_id)][state.epoch] = state.metadata
        return await generate(state)

    return solve


@metric(scores="unreduced")
def sarchat_figures() -> Metric:
    """Return every score of the metric, and each task's numbers of records, of unparsed and of hedged answers.

    A record whose request failed, where `--no-fail-on-error` lets it, has no answer. With `--epochs`, scores are
    over all answers, and numbers are those of one epoch.
    """

    def compute(scores: list[SampleScore]) -> dict[str, float]:
        results = [RecordScore(**score.score.metadata["result"]) for score in scores if score.score.metadata]
        scored = Counter(str(score.sample_id) for score in scores)
        epochs = max((*scored.values(), *map(len, _asked.values())), default=1)
        for record_id, by_epoch in _asked.items():
            failed = list(by_epoch.values())[scored[record_id] :]
            results += [score_row("", columns) for columns in failed]
        found = figures(results)
        return {name: value / epochs if name.endswith(NUMBERS) else value for name, value in found.items()}

    return compute


@scorer(metrics=[sarchat_figures()])
def sarchat_scores() -> Scorer:
    """Score an answer: its value is the record's accuracy in percent for each sub-score that it has."""

    async def score(state: TaskState, target: Target) -> Score:
        answer = state.output.completion
        result = score_row(answer, state.metadata)
        return Score(value=result.accuracies, answer=final_answer(answer), metadata={"result": result._asdict()})

    return score
