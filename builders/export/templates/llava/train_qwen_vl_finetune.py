"""Starts the training of qwen-vl-finetune with the files of this folder among its data sets.

It knows only data sets with entries in its own source; here they are added without changing it. Run in the folder
qwen-vl-finetune of its repository, by train-qwen-vl-finetune.sh.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = Path.cwd()
sys.path[:0] = [str(ROOT), str(ROOT / "qwenvl" / "train")]

from qwenvl.data import data_dict  # noqa: E402

data_dict.update({path.stem: {"annotation_path": str(path), "data_path": str(HERE)} for path in HERE.glob("*-*.json")})

from qwenvl.train.train_qwen import train  # noqa: E402

if __name__ == "__main__":
    train(attn_implementation=os.environ.get("ATTENTION", "flash_attention_2"))
