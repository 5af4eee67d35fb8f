"""Every record of a training file as TRL's trainer feeds it, and its rewards: python trl_records.py MODEL TRAIN_YAML"""

import json
import os
import sys

import yaml
from datasets import load_dataset
from transformers import AutoProcessor
from trl import SFTConfig, SFTTrainer

from builders.rewards.trl_reward import sarchat_reward

model, config = sys.argv[1:]
settings = yaml.safe_load(open(config))
dataset = load_dataset(os.getcwd(), settings["dataset_config"])["train"]
processor = AutoProcessor.from_pretrained(model)
trainer = SFTTrainer(
    model=model,
    args=SFTConfig(
        max_length=settings["max_length"],
        assistant_only_loss=settings.get("assistant_only_loss", False),
        output_dir="unused",
        report_to="none",
        use_cpu=True,
        bf16=False,
    ),
    train_dataset=dataset,
    processing_class=processor,
)
for row in dataset:
    batch = trainer.data_collator([dict(row)])
    labels, tokens = batch["labels"][0].tolist(), batch["input_ids"][0].tolist()
    grid = batch["image_grid_thw"][0].tolist()
    line = {
        "id": row["id"],
        "labels": processor.tokenizer.decode([token for token in labels if token != -100]),
        "input": processor.tokenizer.decode([token for token in tokens if token != 151655]),
        "size": [grid[2] * processor.image_processor.patch_size, grid[1] * processor.image_processor.patch_size],
    }
    if "completion" in row:
        # As GRPOTrainer calls it, for one completion.
        columns = {name: [value] for name, value in row.items() if name != "completion"}
        nonsense = [{"role": "assistant", "content": "nothing"}]
        line["gold"] = sarchat_reward([row["completion"]], **columns)[0]
        line["nonsense"] = sarchat_reward([nonsense], **columns)[0]
    print("RECORD " + json.dumps(line))
