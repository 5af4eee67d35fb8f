"""The reward as ms-swift's plugin, on rows as ms-swift loads them: python ms_swift_reward.py PLUGIN FILE..."""

import json
import sys

from swift.dataset import load_dataset
from swift.rewards import orms
from swift.utils import import_external_file

plugin, *files = sys.argv[1:]
import_external_file(plugin)
# Still the package, and not a module beside the plugin.
import trl  # noqa: E402

assert hasattr(trl, "GRPOTrainer")
reward = orms["sarchat"]()
for file in files:
    rows = list(load_dataset([file], num_proc=1, strict=True, remove_unused_columns=False)[0])
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    answers = [row["messages"][-1]["content"] for row in rows]
    line = {"gold": reward(answers, **columns), "nonsense": reward(["nothing"] * len(rows), **columns)}
    print("RECORD " + json.dumps(line))
