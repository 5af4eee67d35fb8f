"""Every record as qwen-vl-finetune's loader gives it: python qwen_vl_finetune_records.py MODEL EXPORT NAME...

Run in the folder qwen-vl-finetune of its repository. The data sets are registered by the export's own script.
"""

import json
import runpy
import sys
import types
from types import SimpleNamespace

model, export, *names = sys.argv[1:]
# The script's last import is the trainer, which needs flash_attn; the loader does not.
trainer = types.ModuleType("qwenvl.train.train_qwen")
trainer.train = None
sys.modules[trainer.__name__] = trainer
runpy.run_path(f"{export}/train_qwen_vl_finetune.py", run_name="register")

from qwenvl.data.data_processor import LazySupervisedDataset  # noqa: E402
from transformers import AutoProcessor  # noqa: E402

processor = AutoProcessor.from_pretrained(model)
arguments = SimpleNamespace(
    dataset_use=",".join(names),
    model_type="qwen2.5vl",
    data_packing=False,
    min_pixels=3136,
    max_pixels=12845056,
    video_min_pixels=200704,
    video_max_pixels=802816,
    video_min_frames=4,
    video_max_frames=8,
    video_fps=2,
)
dataset = LazySupervisedDataset(processor, arguments)
for index in range(len(dataset)):
    # Not dataset[index], which hides an error and gives another record.
    row = dataset._get_item([dataset.list_data_dict[index]])
    grid = row["image_grid_thw"][0].tolist()
    line = {
        "id": dataset.list_data_dict[index]["id"],
        "labels": processor.tokenizer.decode([token for token in row["labels"][0].tolist() if token != -100]),
        "input": processor.tokenizer.decode([token for token in row["input_ids"][0].tolist() if token != 151655]),
        "size": [grid[2] * processor.image_processor.patch_size, grid[1] * processor.image_processor.patch_size],
    }
    print("RECORD " + json.dumps(line))
