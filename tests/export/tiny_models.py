"""Randomly initialised vision-language models of a few million parameters, with Qwen's token ids.

python tiny_models.py FAMILY FOLDER       FAMILY: qwen2-vl, qwen2.5-vl or qwen3-vl

Runs in a trainer's environment. Trainers know `<|image_pad|>` and the word `assistant` by their ids, so every special
token has the id that it has in Qwen's tokenizer; the other words are bytes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from tokenizers.pre_tokenizers import ByteLevel

SPECIAL = {
    "<|endoftext|>": 151643,
    "<|im_start|>": 151644,
    "<|im_end|>": 151645,
    "<|object_ref_start|>": 151646,
    "<|object_ref_end|>": 151647,
    "<|box_start|>": 151648,
    "<|box_end|>": 151649,
    "<|quad_start|>": 151650,
    "<|quad_end|>": 151651,
    "<|vision_start|>": 151652,
    "<|vision_end|>": 151653,
    "<|vision_pad|>": 151654,
    "<|image_pad|>": 151655,
    "<|video_pad|>": 151656,
}
ASSISTANT = 77091
VOCABULARY = 151_936
CHAT_TEMPLATE = """\
{%- for message in messages -%}
{{- "<|im_start|>" + message.role + "\\n" -}}
{%- if message.content is string -%}
{{- message.content -}}
{%- else -%}
{%- for part in message.content -%}
{{- "<|vision_start|><|image_pad|><|vision_end|>" if part.type == "image" else part.text -}}
{%- endfor -%}
{%- endif -%}
{{- "<|im_end|>\\n" -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- "<|im_start|>assistant\\n" -}}{%- endif -%}
"""
MIN_PIXELS, MAX_PIXELS = 3136, 12_845_056


def tokenizer(special: Iterable[str] = SPECIAL) -> transformers.PreTrainedTokenizerFast:
    """Return a tokenizer of bytes; `special` are those that it lists as its additional special tokens."""
    vocabulary = {letter: number for number, letter in enumerate(sorted(ByteLevel.alphabet()))}
    merges = []
    word = "assistant"
    for end in range(2, len(word) + 1):
        merges.append((word[: end - 1], word[end - 1]))
        vocabulary[word[:end]] = ASSISTANT if end == len(word) else 300 + end
    # No merge makes these: they only leave no id without a word.
    taken = {*vocabulary.values(), *SPECIAL.values()}
    vocabulary |= {f"<{number}>": number for number in range(max(SPECIAL.values())) if number not in taken}
    core = Tokenizer(models.BPE(vocab=vocabulary | SPECIAL, merges=merges))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    return transformers.Qwen2TokenizerFast(
        tokenizer_object=core,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        bos_token=None,
        unk_token=None,
        additional_special_tokens=list(special),
        model_max_length=32768,
        chat_template=CHAT_TEMPLATE,
    )


TEXT = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32768,
    "bos_token_id": 151643,
    "eos_token_id": 151645,
    "pad_token_id": 151643,
    "tie_word_embeddings": True,
}
IDS = {
    "vision_start_token_id": 151652,
    "vision_end_token_id": 151653,
    "image_token_id": 151655,
    "video_token_id": 151656,
    "tie_word_embeddings": True,
}


def model(family: str) -> transformers.PreTrainedModel:
    # A head has 8 dimensions: 4 pairs, shared among time, height and width.
    rope = {"rope_type": "default", "type": "default", "mrope_section": [2, 1, 1], "rope_theta": 1_000_000.0}
    if family == "qwen2-vl":
        config = transformers.Qwen2VLConfig(
            text_config={**TEXT, "rope_scaling": rope, "rope_parameters": rope},
            vision_config={"depth": 2, "embed_dim": 16, "hidden_size": 16, "num_heads": 2, "mlp_ratio": 2},
            **IDS,
        )
        return transformers.Qwen2VLForConditionalGeneration(config)
    if family == "qwen2.5-vl":
        config = transformers.Qwen2_5_VLConfig(
            text_config={**TEXT, "rope_scaling": rope, "rope_parameters": rope},
            vision_config={
                "depth": 2,
                "hidden_size": 16,
                "intermediate_size": 32,
                "num_heads": 2,
                "out_hidden_size": 16,
                "fullatt_block_indexes": [1],
            },
            **IDS,
        )
        return transformers.Qwen2_5_VLForConditionalGeneration(config)
    config = transformers.Qwen3VLConfig(
        text_config={
            **TEXT,
            "head_dim": 8,
            "rope_scaling": {**rope, "mrope_interleaved": True},
            "rope_parameters": {**rope, "mrope_interleaved": True},
        },
        vision_config={
            "depth": 2,
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_heads": 2,
            "out_hidden_size": 16,
            "patch_size": 16,
            "deepstack_visual_indexes": [0],
            "num_position_embeddings": 2304,
        },
        **IDS,
    )
    return transformers.Qwen3VLForConditionalGeneration(config)


def processor(family: str) -> transformers.ProcessorMixin:
    size = {"shortest_edge": MIN_PIXELS, "longest_edge": MAX_PIXELS}
    classes = {
        "qwen2-vl": (transformers.Qwen2VLProcessor, transformers.Qwen2VLVideoProcessor, 14),
        "qwen2.5-vl": (transformers.Qwen2_5_VLProcessor, transformers.Qwen2VLVideoProcessor, 14),
        "qwen3-vl": (transformers.Qwen3VLProcessor, transformers.Qwen3VLVideoProcessor, 16),
    }
    kind, video, patch = classes[family]
    # The one that real checkpoints name; `Qwen2VLImageProcessorFast` before transformers 5.
    pictures = getattr(transformers, "Qwen2VLImageProcessorFast", transformers.Qwen2VLImageProcessor)
    return kind(
        image_processor=pictures(size=size, patch_size=patch, merge_size=2, temporal_patch_size=2),
        tokenizer=tokenizer(),
        video_processor=video(patch_size=patch),
        chat_template=CHAT_TEMPLATE,
    )


def main(family: str, folder: Path) -> None:
    torch.manual_seed(0)
    built = model(family)
    built.generation_config = transformers.GenerationConfig(
        eos_token_id=151645, pad_token_id=151643, bos_token_id=151643
    )
    built.save_pretrained(folder)
    processor(family).save_pretrained(folder)
    check = transformers.AutoTokenizer.from_pretrained(folder)
    ids = check("<|im_start|>assistant\n<|image_pad|>").input_ids
    if ids[:2] != [SPECIAL["<|im_start|>"], ASSISTANT] or ids[-1] != SPECIAL["<|image_pad|>"]:
        sys.exit(f"the tokenizer gives {ids}")
    print(json.dumps({"transformers": transformers.__version__, "parameters": built.num_parameters()}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
