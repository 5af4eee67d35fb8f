"""Records as chat messages: the texts are those of an export, and a real processor gets the image."""

from __future__ import annotations

import sys

import pyarrow.parquet as pq
import pytest
from built_fixture import sample_build
from datasets import load_dataset
from PIL import Image
from support import ROOT, slow

from builders.core.errors import SARChatError
from builders.export.chat import chat_messages
from builders.export.pipeline import ExportOptions, export

QWEN2_5, QWEN3 = "Qwen/Qwen2.5-VL-7B-Instruct", "Qwen/Qwen3-VL-8B-Instruct"


def records(config: str, number: int = 10) -> list[dict]:
    data = load_dataset(str(sample_build()), config, split="train")
    return list(data.select(range(min(number, len(data)))))


def texts_of(messages: list[dict]) -> list[str]:
    return [part["text"] for message in messages for part in message["content"] if part["type"] == "text"]


@pytest.mark.parametrize("model", [QWEN2_5, *slow(None, QWEN3)])
def test_a_model_reads_what_an_export_for_it_says(model, tmp_path):
    options = {"box_format": "sarchat"} if model is None else {"model": model}
    export(str(sample_build()), tmp_path / "out", ExportOptions("trl", splits=("train",), **options))
    for task in ("referring", "identification", "classification"):
        rows = {row["id"]: row for row in pq.read_table(tmp_path / "out" / f"{task}-train.parquet").to_pylist()}
        for record in records(task):
            row = rows[record["id"]]
            asked, answered = chat_messages(record, model)
            image, question = asked["content"]
            assert (image["type"], image["image"].size) == ("image", (record["width"], record["height"]))
            assert [{**asked, "content": question["text"]}] == row["prompt"]
            assert [{**answered, "content": answered["content"][0]["text"]}] == row["completion"]


def test_a_dialogue_shows_its_image_once():
    record = max(records("dialogue"), key=lambda record: len(record["messages"]))
    messages = chat_messages(record)
    assert len(messages) > 4 and texts_of(messages) == [message["content"] for message in record["messages"]]
    assert [message["role"] for message in messages] == [message["role"] for message in record["messages"]]
    images = [number for number, message in enumerate(messages) for part in message["content"] if "image" in part]
    assert images == [0]


def test_more_than_eight_bits_are_scaled():
    (record,) = records("classification", 1)
    size = record["width"], record["height"]
    dark = Image.new("I;16", size, 300)
    dark.paste(600, (0, 0, size[0] // 2, size[1]))
    shown = chat_messages(record | {"image": dark})[0]["content"][0]["image"]
    assert shown.mode == "RGB" and shown.size == size and shown.getextrema() == ((0, 255),) * 3


def test_what_cannot_be_shown_is_refused():
    (record,) = records("referring", 1)
    for wrong, words, options in (
        ({"image": {"path": "a.png", "bytes": None}}, "is not decoded but dict", {}),
        ({"image": record["image"].resize((28, 28))}, "has 28 x 28 pixels, but its boxes are in", {}),
        ({}, "my/model is of no known family", {"model": "my/model"}),
        ({}, "--resize", {"box_format": "qwen2.5-vl"}),
        ({}, "no-such: no such file", {"corpus": "no-such"}),
    ):
        with pytest.raises(SARChatError, match=words):
            chat_messages(record | wrong, **options)
    with pytest.raises(SARChatError, match="the record has no image, task, only width, height, messages"):
        chat_messages({key: record[key] for key in ("width", "height", "messages")})


@pytest.fixture(scope="module")
def processor(tmp_path_factory):
    """A processor of transformers with a tokenizer for the sample's texts, as `examples/train_tiny` makes it."""
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    sys.path.insert(0, str(ROOT / "examples" / "train_tiny"))
    try:
        from model import texts_of, write_model
    finally:
        sys.path.pop(0)
    folder = tmp_path_factory.mktemp("model")
    write_model(folder, texts_of(str(sample_build())), 600)
    return transformers.AutoProcessor.from_pretrained(folder)


@pytest.mark.slow
@pytest.mark.parametrize("config", ["referring", "dialogue"])
def test_a_processor_gets_image_and_texts(config, processor):
    options = {"tokenize": True, "return_dict": True, "return_tensors": "pt"}
    for record in records(config):
        made = processor.apply_chat_template([chat_messages(record)], **options)
        alone = processor.image_processor([[record["image"].convert("RGB")]], return_tensors="pt")
        assert made["pixel_values"].equal(alone["pixel_values"]) and made["pixel_values"].std() > 0
        image = processor.tokenizer.convert_tokens_to_ids("<image>")
        assert (made["input_ids"] == image).sum() == processor.image_seq_len
        text = processor.tokenizer.decode(made["input_ids"][0], skip_special_tokens=True)
        places = [text.index(message["content"]) for message in record["messages"]]
        assert places == sorted(places)
    # What this is for: the texts alone leave the image out in silence.
    assert "pixel_values" not in processor.apply_chat_template([record["messages"]], **options)
