"""The card's contents come from the summaries of a build's parts, which survive being stored."""

from __future__ import annotations

import numpy as np
import pytest
from built_fixture import sample_build

from builders.build.card.contents import summarize
from builders.build.card.example_records import best_of, choose_examples, propose_examples
from builders.build.scale.state import decode_receipt, encode_receipt
from builders.build.shards import Receipt
from builders.core.errors import SARChatError
from builders.core.schema import TASKS
from builders.data.reader import open_build


def test_examples_are_one_a_task_and_do_not_depend_on_the_order_of_candidates():
    made = open_build(sample_build())
    candidates = {task: propose_examples(made, task, "train") for task in TASKS}
    examples = choose_examples(candidates, lambda record: image_of(made, record))
    assert list(examples) == list(TASKS)
    assert len({record["file_name"] for record in examples.values()}) == len(TASKS)
    for task, record in examples.items():
        stored = made.record_with_id(task, record["id"])
        assert record == {**stored, "image": record["image"]}
        assert record["image"].read() == stored["image"].read()
    turned = {task: best_of(reversed(records)) for task, records in candidates.items()}
    assert turned == candidates


def test_example_whose_image_cannot_be_decoded_is_passed_over():
    made = open_build(sample_build())
    candidates = {"referring": propose_examples(made, "referring", "train")}
    best = choose_examples(candidates, lambda record: image_of(made, record))["referring"]
    damaged = best["file_name"]

    def read(record):
        return b"no image" if record["file_name"] == damaged else image_of(made, record)

    assert choose_examples(candidates, read)["referring"]["file_name"] != damaged
    with pytest.raises(SARChatError, match=f"^{damaged} is not a readable image"):
        choose_examples(candidates, lambda record: b"no image")


def image_of(made, record):
    return made.record_with_id(record["task"], record["id"])["image"].read()


@pytest.mark.parametrize("tasks", [(), ("description",)], ids=["every task", "no task with every target"])
def test_summary_survives_storage(tasks):
    summary = summarize(open_build(sample_build(tasks)), "test", with_texts=True)
    receipt, _ = decode_receipt(encode_receipt(Receipt("test", (), summary), {}))
    stored = receipt.summary
    assert stored.texts == summary.texts and repr(stored.examples) == repr(summary.examples)
    assert (stored.targets is None) == bool(tasks)
    if not tasks:
        assert all(map(np.array_equal, stored.targets, summary.targets))
