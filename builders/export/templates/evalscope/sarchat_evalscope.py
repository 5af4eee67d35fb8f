"""SARChat as a benchmark of EvalScope (tried with 1.14.1).

    python HERE/sarchat_evalscope.py --datasets sarchat --model NAME --api-url URL --eval-type openai_api

All other arguments are those of `evalscope eval`. This package must be installed beside EvalScope; every figure comes
from its metric. EvalScope's report rounds its scores to 4 decimals: `sarchat_figures.json` beside it has them in full.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from evalscope.api.benchmark import BenchmarkMeta, VisionLanguageAdapter
from evalscope.api.dataset import Dataset, DatasetDict, LocalDataLoader, Sample
from evalscope.api.evaluator import TaskState
from evalscope.api.messages import ChatMessageUser, ContentImage, ContentText
from evalscope.api.metric import AggScore, SampleScore, Score
from evalscope.api.registry import register_benchmark
from evalscope.report import Report

from builders.core.schema import TASKS
from builders.data.encoded_image import EncodedImage
from builders.predict.images import encode_image
from builders.scoring.exported import figures, score_row
from sarchat_metric import RecordScore, averages, final_answer

HERE = Path(__file__).resolve().parent
FILES = {task: path for task in TASKS for path in sorted(HERE.glob(f"{task}-*.jsonl"))}


@cache
def read_image(name: str) -> str:
    """Return an image as a `data:` URL, the same text for all records that share it."""
    path = HERE / name
    return encode_image(EncodedImage(path.name, path.read_bytes))


@register_benchmark(
    BenchmarkMeta(
        name="sarchat",
        pretty_name="SARChat",
        description="Questions about radar images: categories, places, counts, boxes. Accuracy is the task's score.",
        dataset_id=str(HERE),
        subset_list=list(FILES),
        # One of the names that EvalScope knows; of several subsets it shows the mean by records, which is Eq. 4.
        metric_list=["accuracy"],
        primary_metric="accuracy",
        eval_split="test",
        prompt_template="{question}",
    )
)
class SARChat(VisionLanguageAdapter):
    """Asks as `sarchat predict` does, and scores as `sarchat score` does."""

    def load(self) -> tuple[DatasetDict, None]:
        """Return the records by task; there are no examples to show."""
        return self.load_subsets(self._load_task), None

    def _load_task(self, task: str) -> Dataset:
        self._asked: dict[str, dict[str, Any]] = getattr(self, "_asked", {})
        options = {"limit": self.limit, "repeats": self.repeats, "shuffle": self.shuffle, "seed": self.seed}
        data = LocalDataLoader(str(FILES[task]), self.eval_split, self.record_to_sample, **options).load()
        self._asked |= {sample.metadata["id"]: sample.metadata for sample in data}
        return data

    def record_to_sample(self, record: dict[str, Any]) -> Sample:
        """Return a question with its image."""
        return Sample(
            input=[
                ChatMessageUser(
                    content=[ContentImage(image=read_image(record["image"])), ContentText(text=record["question"])]
                )
            ],
            target=record["answer"],
            subset_key=record["task"],
            metadata={key: value for key, value in record.items() if key not in ("question", "answer", "image")},
        )

    def match_score(
        self, original_prediction: str, filtered_prediction: str, reference: str, task_state: TaskState
    ) -> Score:
        """Return the record's accuracy, from 0 to 1, for each sub-score that it has."""
        result = score_row(original_prediction, task_state.metadata)
        return Score(
            value={name: value / 100 for name, value in result.accuracies.items()},
            prediction=original_prediction,
            extracted_prediction=final_answer(original_prediction),
            metadata={"result": result._asdict()},
        )

    def aggregate_scores(self, sample_scores: list[SampleScore]) -> list[AggScore]:
        """Return the task's score as `accuracy`, from 0 to 1, with every figure in percent in its metadata."""
        results = [RecordScore(**sample.score.metadata["result"]) for sample in sample_scores]
        # With --ignore-errors, samples whose request failed are not among them: records without an answer.
        scored = {sample.sample_metadata["id"] for sample in sample_scores}
        tasks = {result.task for result in results}
        failed = [columns for name, columns in self._asked.items() if columns["task"] in tasks and name not in scored]
        results += [score_row("", columns) for columns in failed]
        found = figures(results)
        if not found:
            return []
        number = len(results)
        (task,) = {sample.score.metadata["result"]["task"] for sample in sample_scores}
        score = found[task] / 100
        return [
            AggScore(metric_name="accuracy", aggregation="mean", score=score, num=number, metadata={"figures": found})
        ]

    def _on_generate_report(self, scores: Mapping[str, list[AggScore]], model_name: str) -> Report:
        self._figures = {
            name: value
            for aggregates in scores.values()
            for aggregate in aggregates
            for name, value in aggregate.metadata["figures"].items()
        }
        tasks = [task for task in TASKS if task in self._figures]
        sizes = {task: self._figures[f"{task}/n"] for task in tasks}
        self._figures |= averages({task: self._figures[task] for task in tasks}, sizes)
        return super()._on_generate_report(scores, model_name)

    def _on_generate_report_end(self, report: Report, output_dir: str, **kwargs: object) -> None:
        path = Path(output_dir, "sarchat_figures.json")
        path.write_text(json.dumps(self._figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    from evalscope.cli.cli import run_cmd

    sys.argv[:1] = ["evalscope", "eval"]
    if not any(argument.startswith("--generation-config") for argument in sys.argv):
        length = json.loads((HERE / "export.json").read_text(encoding="utf-8"))["max_tokens"]
        sys.argv += ["--generation-config", json.dumps({"max_tokens": length, "temperature": 0.0})]
    run_cmd()
