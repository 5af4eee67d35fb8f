"""A vision-language model of a few million random weights and a tokenizer for its data: `model.py DATA OUT`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from datasets import get_dataset_config_names, load_dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3Processor,
    LlamaConfig,
    PreTrainedTokenizerFast,
)
from transformers.models.idefics3.configuration_idefics3 import Idefics3VisionConfig
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

# The side at which the model sees an image: 8 x 8 patches, of which 2 x 2 become one token.
SIDE, PATCH, SCALE = 128, 16, 2
IMAGE_TOKENS = (SIDE // PATCH // SCALE) ** 2
# The words of the synthetic data are few.
_WORDS = 1_200
_SPECIAL = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "<end_of_utterance>", "pad_token": "<pad>"}
_IMAGE_MARKS = ("<fake_token_around_image>", "<image>", "<global-img>")
_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] + ': ' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] in ('image', 'image_url') %}{{ '<image>' }}{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}"
    "{% if message['role'] == 'assistant' %}{{ '<end_of_utterance>' }}{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)


def write_model(folder: Path, texts: Iterable[str], largest: int) -> None:
    """Write an untrained model with its tokenizer and processor.

    Args:
        folder: where to write it.
        texts: the questions and answers whose words the tokenizer learns.
        largest: the largest coordinate; each number up to it is one token, so that a box is four.
    """
    torch.manual_seed(0)
    tokenizer = _make_tokenizer(texts, largest)
    shared = {"num_attention_heads": 4, "attention_dropout": 0.0}
    vision = Idefics3VisionConfig(
        hidden_size=192, intermediate_size=576, num_hidden_layers=4, image_size=SIDE, patch_size=PATCH, **shared
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=768,
        num_hidden_layers=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **shared,
    )
    config = Idefics3Config(
        vision_config=vision,
        text_config=text,
        scale_factor=SCALE,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
    )
    model = Idefics3ForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    images = Idefics3ImageProcessorPil(
        do_image_splitting=False, size={"longest_edge": SIDE}, max_image_size={"longest_edge": SIDE}
    )
    Idefics3Processor(images, tokenizer, image_seq_len=IMAGE_TOKENS, chat_template=_TEMPLATE).save_pretrained(folder)


def _make_tokenizer(texts: Iterable[str], largest: int) -> PreTrainedTokenizerFast:
    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_WORDS,
        special_tokens=[*_SPECIAL.values(), *_IMAGE_MARKS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    words.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, **_SPECIAL, extra_special_tokens=list(_IMAGE_MARKS))
    tokenizer.add_tokens([str(number) for number in range(largest + 1)])
    return tokenizer


def texts_of(data: str) -> Iterator[str]:
    """Yield the questions and answers of the training split."""
    for config in get_dataset_config_names(data):
        if config != "all":
            for messages in load_dataset(data, config, split="train").select_columns("messages")["messages"]:
                yield from (message["content"] for message in messages)


if __name__ == "__main__":
    sizes = load_dataset(sys.argv[1], "classification", split="train").select_columns(["width", "height"])
    write_model(Path(sys.argv[2]), texts_of(sys.argv[1]), max(*sizes["width"], *sizes["height"]))
