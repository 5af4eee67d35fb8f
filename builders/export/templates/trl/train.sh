#!/usr/bin/env bash
# Fine-tunes with TRL by train.yaml. MODEL and OUTPUT may be set; further arguments override the file:
#   bash train.sh --max_steps 100
# It runs in this folder, since the files name images relative to it.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
MODEL=${MODEL:-@model}
if [ -e "$MODEL" ]; then MODEL=$(realpath "$MODEL"); fi
OUTPUT=$(realpath -m "${OUTPUT:-$HERE-lora}")
cd "$HERE"

trl sft --config train.yaml --dataset_name "$HERE" --model_name_or_path "$MODEL" --output_dir "$OUTPUT" "$@@"
