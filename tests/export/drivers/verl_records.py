"""What verl makes of some files: its data set, and its reward manager on the gold and on nonsense.

python verl_records.py MODEL SCRIPT FILE...    SCRIPT: the export's own data set
"""

import json
import sys

import torch
from omegaconf import OmegaConf
from tensordict import TensorDict
from transformers import AutoProcessor, AutoTokenizer
from verl import DataProto
from verl.utils.dataset.rl_dataset import collate_fn
from verl.utils.import_utils import load_extern_object
from verl.workers.reward_manager.naive import NaiveRewardManager

model, script, *files = sys.argv[1:]
tokenizer, processor = AutoTokenizer.from_pretrained(model), AutoProcessor.from_pretrained(model)
config = OmegaConf.create({"max_prompt_length": 8192, "filter_overlong_prompts_workers": 1, "cache_dir": "verl-cache"})
dataset = load_extern_object(script, "SARChatDataset")(files, tokenizer, config, processor)
compute_score = load_extern_object("pkg://builders.rewards.verl_reward", "compute_score")
manager = NaiveRewardManager(tokenizer, num_examine=0, compute_score=compute_score)


def score(rows: list[dict], answers: list[str]) -> list[float]:
    """Return the reward of each answer, as a trainer gets it from the manager."""
    responses = tokenizer(answers, padding=True, padding_side="right", return_tensors="pt")
    prompts = torch.full((len(rows), 1), 198)
    batch = {
        "prompts": prompts,
        "responses": responses.input_ids,
        "attention_mask": torch.cat([torch.ones_like(prompts), responses.attention_mask], dim=1),
    }
    other = {name: value for name, value in collate_fn(rows).items() if not isinstance(value, torch.Tensor)}
    data = DataProto(batch=TensorDict(batch, batch_size=len(rows)), non_tensor_batch=other)
    return manager(data).sum(dim=1).tolist()


rows = [dataset[index] for index in range(len(dataset))]
gold = [row["reward_model"]["ground_truth"] for row in rows]
print(
    "RECORD "
    + json.dumps(
        {
            "ids": [row["extra_info"]["id"] for row in rows],
            "prompts": [processor.apply_chat_template(row["raw_prompt"], tokenize=False) for row in rows],
            "gold": score(rows, gold),
            "nonsense": score(rows, ["nothing"] * len(rows)),
        }
    )
)
