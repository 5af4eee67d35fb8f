"""Every record of a training file as LLaVA-NeXT's loader gives it: python llava_next_records.py DATA_PATH IMAGE_FOLDER

Run in the root of its repository, with the options of train-llava-next.sh.
"""

import json
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path

# What `llava.train.train` imports for the training itself; the loader does not need it.
for name, needed in (("deepspeed", ()), ("llava.train.llava_trainer", ("LLaVATrainer",))):
    module = types.ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    module.__dict__.update(dict.fromkeys(needed))
    sys.modules[name] = module
sys.path[:0] = [str(Path.cwd()), str(Path(__file__).parents[1])]

from llava import conversation  # noqa: E402
from llava.model.multimodal_encoder.siglip_encoder import SigLipImageProcessor  # noqa: E402
from llava.train.train import DataArguments, DataCollatorForSupervisedDataset, LazySupervisedDataset  # noqa: E402
from tiny_models import tokenizer as make_tokenizer  # noqa: E402

data_path, image_folder = sys.argv[1:]
conversation.default_conversation = conversation.conv_templates["qwen_1_5"]
# Qwen2's, as LLaVA-OneVision has it: it unpacks exactly these two.
tokenizer = make_tokenizer(special=["<|im_start|>", "<|im_end|>"])
arguments = DataArguments(
    data_path=data_path,
    is_multimodal=True,
    image_folder=image_folder,
    image_aspect_ratio="anyres_max_9",
    image_grid_pinpoints=[[384 * x, 384 * y] for x in range(1, 7) for y in range(1, 7)],
)
arguments.image_processor = SigLipImageProcessor()
arguments.mm_use_im_start_end = False
dataset = LazySupervisedDataset(data_path, tokenizer, arguments)
collate = DataCollatorForSupervisedDataset(tokenizer)
for index in range(len(dataset)):
    # Not dataset[index], which hides an error and gives another record.
    row = dataset._get_item(index)
    batch = collate([row])
    labels, tokens = batch["labels"][0].tolist(), batch["input_ids"][0].tolist()
    line = {
        "id": row["id"],
        "labels": tokenizer.decode([token for token in labels if token != -100]),
        # The image's place is -200.
        "input": tokenizer.decode([token for token in tokens if token >= 0]),
        "images": tokens.count(-200),
        "size": batch["image_sizes"][0],
        "tiles": list(batch["images"][0].shape),
    }
    print("RECORD " + json.dumps(line))
