"""Every record of a training file as LLaMA-Factory encodes it: python llama_factory_records.py TRAIN_YAML MODEL"""

import json
import sys
from pathlib import Path

from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.hparams import get_train_args, read_args
from llamafactory.model import load_tokenizer

config, model = sys.argv[1:]
sys.argv = [
    sys.argv[0],
    config,
    f"dataset_dir={Path(config).parent}",
    f"model_name_or_path={model}",
    "bf16=false",
    "preprocessing_num_workers=1",
    "output_dir=unused",
    "report_to=none",
]
model_args, data_args, training_args, _, _ = get_train_args(read_args())
loaded = load_tokenizer(model_args)
template = get_template_and_fix_tokenizer(loaded["tokenizer"], data_args)
dataset = get_dataset(template, model_args, data_args, training_args, stage="sft", **loaded)["train_dataset"]
processor = loaded["processor"]
for row in dataset:
    seen = template.mm_plugin.get_mm_inputs(row["images"], [], [], [1], [0], [0], [row["input_ids"]], processor)
    grid = seen["image_grid_thw"][0].tolist()
    line = {
        "labels": loaded["tokenizer"].decode([token for token in row["labels"] if token != -100]),
        "input": loaded["tokenizer"].decode([token for token in row["input_ids"] if token != 151655]),
        "size": [grid[2] * processor.image_processor.patch_size, grid[1] * processor.image_processor.patch_size],
        "image": row["images"][0],
    }
    assert row["input_ids"].count(151655) == grid[1] * grid[2] // processor.image_processor.merge_size**2
    print("RECORD " + json.dumps(line))
