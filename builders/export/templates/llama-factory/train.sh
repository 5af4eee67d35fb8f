#!/usr/bin/env bash
# Fine-tunes with LLaMA-Factory by train.yaml. MODEL and OUTPUT may be set; further arguments override the file:
#   bash train.sh max_steps=100
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

llamafactory-cli train "$HERE/train.yaml" \
    dataset_dir="$HERE" \
    model_name_or_path="${MODEL:-@model}" \
    output_dir="${OUTPUT:-$HERE-lora}" \
    "$@@"
