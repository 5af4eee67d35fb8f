#!/usr/bin/env bash
# Trains with TRL by reinforcement learning (train-grpo.yaml). MODEL and OUTPUT may be set; further arguments override
# the file:
#   bash train-grpo.sh --max_steps 100
# It runs in this folder, since the files name images relative to it.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
MODEL=${MODEL:-@model}
if [ -e "$MODEL" ]; then MODEL=$(realpath "$MODEL"); fi
OUTPUT=$(realpath -m "${OUTPUT:-$HERE-grpo}")
cd "$HERE"

trl grpo --config train-grpo.yaml --dataset_name "$HERE" --model_name_or_path "$MODEL" --output_dir "$OUTPUT" "$@@"
