"""Every record of some files as ms-swift encodes it: python ms_swift_records.py MODEL TEMPLATE FILE..."""

import json
import sys

from swift.dataset import load_dataset
from swift.model import get_processor
from swift.template import get_template

model, kind, *files = sys.argv[1:]
processor = get_processor(model, model_type=kind)
template = get_template(processor, template_type=kind, max_length=8192)
template.set_mode("train")
for file in files:
    dataset, _ = load_dataset([file], num_proc=1, strict=True)
    for row in dataset:
        encoded = template.encode(row)
        labels = [token for token in encoded["labels"] if token != -100]
        grid = encoded["image_grid_thw"][0].tolist()
        line = {
            "labels": processor.tokenizer.decode(labels),
            "input": processor.tokenizer.decode([token for token in encoded["input_ids"] if token != 151655]),
            "size": [grid[2] * processor.image_processor.patch_size, grid[1] * processor.image_processor.patch_size],
        }
        print("RECORD " + json.dumps(line))
