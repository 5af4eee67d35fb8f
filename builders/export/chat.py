"""Records as chat messages of typed parts, the form in which transformers' processors take an image."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from PIL import Image

from builders.core.errors import SARChatError
from builders.corpus.info import DEFAULT, CorpusInfo, read_corpus
from builders.corpus.viewing import to_eight_bits
from builders.export.record import phrase_turns
from builders.notation.formats import NATIVE
from builders.notation.models import choose, choose_known
from builders.notation.render import Phrasing

_COLUMNS = ("image", "task", "width", "height", "messages")


def chat_messages(
    record: Mapping[str, Any],
    model: str | None = None,
    box_format: str | None = None,
    resize: str | None = None,
    corpus: str | os.PathLike[str] | None = None,
) -> list[dict[str, Any]]:
    """Return a record's messages with its image in them, for `apply_chat_template`.

    Given `record["messages"]`, whose contents are texts, a chat template leaves the image out and says nothing.

        inputs = processor.apply_chat_template(chat_messages(record, model), tokenize=True, return_dict=True)

    Args:
        record: a row of the data set, of any task; a dialogue has many turns. Its `image` is decoded.
        model: the model's name, which decides how boxes are written, and the sentence that asks for them, as in
            `sarchat export --model`; default: boxes as they are in the record, in pixels of the image.
        box_format: the notation of boxes, if it is not that of the model's family.
        resize: `factor,min_pixels,max_pixels`, if boxes are in pixels of the resized image and the model's processor
            was given other sizes than its own.
        corpus: the description of the corpus, a YAML file or a known name; default: SARDet-100K's. A file is read once.

    Returns:
        The messages, `user` and `assistant` in turn, the last one an answer. The content of each is a list of parts:
        `{"type": "text", "text": ...}`, and in the first before it `{"type": "image", "image": ...}`, a Pillow image in
        mode RGB with 8 bits per channel, as large as in the record.

    Raises:
        SARChatError: if the record lacks a column, its image is not decoded or not as large as it says, the model is of
            no known family, or a notation lacks a size.
    """
    missing = [name for name in _COLUMNS if name not in record]
    if missing:
        raise SARChatError(f"the record has no {', '.join(missing)}, only {', '.join(record)}; give whole records")
    turns = phrase_turns(record, _phrasing(model, box_format, resize), _info(os.fspath(corpus or DEFAULT)))
    parts: list[tuple[str, list[dict[str, Any]]]] = [
        (role, [{"type": "text", "text": text}])
        for turn in turns
        for role, text in zip(("user", "assistant"), turn, strict=True)
    ]
    parts[0][1].insert(0, {"type": "image", "image": _image_of(record)})
    return [{"role": role, "content": content} for role, content in parts]


def _image_of(record: Mapping[str, Any]) -> Image.Image:
    image, size = record["image"], (record["width"], record["height"])
    place = f"the image of {record.get('id', 'a record')}"
    if not isinstance(image, Image.Image):
        raise SARChatError(
            f"{place} is not decoded but {type(image).__name__}; load it without decode=False or a format"
        )
    if image.size != size:
        raise SARChatError(
            f"{place} has {image.size[0]} x {image.size[1]} pixels, but its boxes are in {size[0]} x {size[1]}; leave "
            "resizing to the processor"
        )
    # `convert` would make all of more than 8 bits white.
    return to_eight_bits(image).convert("RGB")


@lru_cache(maxsize=8)
def _phrasing(model: str | None, box_format: str | None, resize: str | None) -> Phrasing:
    if model is None:
        return Phrasing(choose("", box_format or NATIVE, resize=resize).notation)
    return Phrasing(choose_known(model, box_format, resize).notation)


@lru_cache(maxsize=8)
def _info(corpus: str) -> CorpusInfo:
    return read_corpus(corpus)
