"""Training on the exported files: first the vision tower alone, then the language model with `SFTTrainer`.

train.py warm MODEL DATA OUT STEPS      trains the vision tower
train.py join TOWER LANGUAGE OUT        writes the vision tower and connector of one model with the language of another
train.py tune MODEL EXPORT OUT STEPS    trains the rest on the exported files
train.py blind MODEL EXPORT OUT STEPS   the same on grey images
train.py joint MODEL EXPORT OUT STEPS   trains everything on them, the vision tower too
train.py losses MODEL DATA NUMBER       prints the loss with the right image, another one and a grey one
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import yaml
from datasets import load_dataset
from model import PATCH, SIDE
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor
from trl import SFTConfig, SFTTrainer

# Patches in a row.
_PATCHES = SIDE // PATCH
_BATCH = 32
# Untrained, the connector's outputs are larger than the words' embeddings; then images are learned last.
_CONNECTOR_SCALE = 0.25
GREY = (127, 127, 127)


def warm_tower(folder: Path, data: Path, out: Path, steps: int) -> None:
    """Train the vision tower to tell each patch's category and box.

    Trained together with the language model from random weights, the tower learned nothing in 2,000 steps.

    Args:
        folder: the model's folder.
        data: the built data set, whose images and targets are used.
        out: where to write the model.
        steps: the number of steps of 32 images.
    """
    torch.manual_seed(0)
    model = AutoModelForImageTextToText.from_pretrained(folder)
    processor = AutoProcessor.from_pretrained(folder)
    tower = model.model.vision_model
    records = load_dataset(str(data), "classification", split="train")
    categories = len(records.features["objects"]["category"].feature.names)
    pixels = torch.cat(
        [
            processor.image_processor([[image] for image in records[at : at + 256]["image"]], return_tensors="pt")[
                "pixel_values"
            ][:, 0].half()
            for at in range(0, len(records), 256)
        ]
    )
    columns = zip(records["objects"], records["width"], records["height"], strict=True)
    labels, boxes = map(torch.stack, zip(*(_targets_of(*row) for row in columns), strict=True))
    head = torch.nn.Linear(tower.config.hidden_size, categories + 1 + 4)
    parameters = [*tower.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps, pct_start=0.1)
    order = np.random.default_rng(0)
    tower.train()
    for step in range(steps):
        chosen = torch.from_numpy(order.integers(0, len(pixels), _BATCH))
        found = head(tower(pixel_values=pixels[chosen].float()).last_hidden_state)
        kinds, corners = found[..., :-4], found[..., -4:]
        label, box = labels[chosen], boxes[chosen]
        loss = torch.nn.functional.cross_entropy(kinds.flatten(0, 1), label.flatten())
        if (label > 0).any():
            loss = loss + 5 * torch.nn.functional.l1_loss(corners[label > 0], box[label > 0])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == steps - 1:
            print(f"tower: step {step + 1:,} of {steps:,}, loss {loss.item():.3f}", flush=True)
    with torch.no_grad():
        for weight in model.model.connector.parameters():
            weight.mul_(_CONNECTOR_SCALE)
    model.save_pretrained(out)
    processor.save_pretrained(out)


def _targets_of(objects: dict, width: int, height: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return each patch's category, 0 for none, and its target's box as shares of the image."""
    label = torch.zeros(_PATCHES * _PATCHES, dtype=torch.long)
    box = torch.zeros(_PATCHES * _PATCHES, 4)
    for category, (x, y, w, h) in zip(objects["category"], objects["bbox"], strict=True):
        share = torch.tensor([x / width, y / height, (x + w) / width, (y + h) / height])
        low, high = (share[:2] * _PATCHES).floor().int(), (share[2:] * _PATCHES).ceil().int()
        for row in range(low[1], min(high[1], _PATCHES)):
            for column in range(low[0], min(high[0], _PATCHES)):
                label[row * _PATCHES + column] = category + 1
                box[row * _PATCHES + column] = share
    return label, box


def join_models(tower: Path, language: Path, out: Path) -> None:
    """Write a model with one's vision tower and connector, and the language model of another."""
    model, other = (AutoModelForImageTextToText.from_pretrained(folder) for folder in (tower, language))
    model.model.text_model.load_state_dict(other.model.text_model.state_dict())
    model.save_pretrained(out)
    AutoProcessor.from_pretrained(tower).save_pretrained(out)


def fine_tune(folder: Path, export: Path, out: Path, steps: int, way: str) -> None:
    """Fine-tune a model with the files and settings of `sarchat export --to trl`.

    Args:
        folder: the model to start from.
        export: the exported folder, whose `train.yaml` names the files.
        out: where to write the trained model.
        steps: the number of steps of 16 records.
        way: `tune` with a frozen vision tower; `blind` likewise on grey images, for a model that knows the questions
            alone; `joint` with the tower.
    """
    settings = yaml.safe_load((export / "train.yaml").read_text(encoding="utf-8"))
    # The exported files name their images relative to their own folder.
    os.chdir(export)
    records = load_dataset(str(export), settings["dataset_config"], split="train").shuffle(seed=0)
    if way == "blind":
        records = records.map(_without_image, batched=True, batch_size=100)
    torch.manual_seed(0)
    model = AutoModelForImageTextToText.from_pretrained(folder)
    for weight in model.model.vision_model.parameters():
        weight.requires_grad = way == "joint"
    config = SFTConfig(
        output_dir=str(out),
        max_length=settings["max_length"],
        max_steps=steps,
        per_device_train_batch_size=16,
        learning_rate=1e-3,
        lr_scheduler_type="cosine",
        warmup_steps=0.1,
        logging_steps=25,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        disable_tqdm=True,
    )
    processor = AutoProcessor.from_pretrained(folder)
    trainer = SFTTrainer(model, config, train_dataset=records, processing_class=processor)
    trainer.train()
    model.save_pretrained(out)
    processor.save_pretrained(out)


def _without_image(batch: dict) -> dict:
    return {"image": [Image.new("RGB", image.size, GREY) for image in batch["image"]]}


def answer_losses(folder: Path, data: Path, number: int) -> dict[str, float]:
    """Return the mean loss of classification's answers given the right image, another one, and a grey one.

    A model that does not look has the same loss with all three.

    Args:
        folder: the trained model.
        data: the built data set.
        number: how many records of the test split are used.
    """
    model = AutoModelForImageTextToText.from_pretrained(folder).eval()
    processor = AutoProcessor.from_pretrained(folder)
    records = load_dataset(str(data), "classification", split="test")
    records = records.select(range(min(number, len(records))))
    images = records["image"][:]
    grey = [Image.new("RGB", image.size, GREY) for image in images]
    shown = {"the right": images, "another": images[1:] + images[:1], "a grey": grey}
    texts = [[message["content"] for message in messages] for messages in records["messages"]]
    return {name: _loss(model, processor, texts, pictures) for name, pictures in shown.items()}


@torch.no_grad()
def _loss(model: torch.nn.Module, processor: AutoProcessor, texts: Sequence, images: Sequence) -> float:
    losses = []
    for (question, answer), image in zip(texts, images, strict=True):
        parts = [{"type": "image", "image": image}, {"type": "text", "text": question}]
        asked = [{"role": "user", "content": parts}]
        options = {"tokenize": True, "return_dict": True, "return_tensors": "pt"}
        prompt = processor.apply_chat_template([asked], add_generation_prompt=True, **options)
        told = [*asked, {"role": "assistant", "content": [{"type": "text", "text": answer}]}]
        whole = processor.apply_chat_template([told], **options)
        labels = whole["input_ids"].clone()
        labels[:, : prompt["input_ids"].shape[1]] = -100
        losses.append(model(**whole, labels=labels).loss.item())
    return float(np.mean(losses))


def main() -> None:
    """Run one of the steps above."""
    step, *arguments = sys.argv[1:]
    if step == "join":
        join_models(*map(Path, arguments))
        return
    *folders, number = arguments
    paths = [Path(folder).resolve() for folder in folders]
    if step == "losses":
        print(json.dumps(answer_losses(*paths, int(number))))
    elif step == "warm":
        warm_tower(*paths, int(number))
    else:
        fine_tune(*paths, int(number), step)


if __name__ == "__main__":
    main()
