#!/usr/bin/env bash
# Fine-tunes with ms-swift 4 (tried with 4.6.0) as the paper did: LoRA, one epoch, 32 records per step.
# MODEL, GPUS and OUTPUT may be set; further arguments go to `swift sft`: bash train.sh --max_steps 100
# It runs in this folder, since the files name images relative to it; for other commands, set ROOT_IMAGE_DIR to it.
# FILE#N takes N random records of a file, so that no task outweighs the others.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
GPUS=${GPUS:-1}
MODEL=${MODEL:-@model}
if [ -e "$MODEL" ]; then MODEL=$(realpath "$MODEL"); fi
OUTPUT=$(realpath -m "${OUTPUT:-$HERE-lora}")
cd "$HERE"
if [ "$GPUS" -gt 1 ]; then export NPROC_PER_NODE=$GPUS; fi
# The size at which Qwen's models see an image.
export MIN_PIXELS=@min_pixels MAX_PIXELS=@max_pixels
# How `<bbox>` becomes text: new for [x1, y1, x2, y2], which Qwen2.5-VL and Qwen3-VL write; legacy for Qwen2-VL.
export QWENVL_BBOX_FORMAT=${QWENVL_BBOX_FORMAT:-@box_style}

swift sft \
    --model "$MODEL" \
    --dataset @datasets \
    @evaluation \
    --eval_steps @eval_steps \
    --per_device_eval_batch_size @batch_per_gpu \
    --tuner_type lora \
    --lora_rank @lora_rank \
    --lora_alpha @lora_alpha \
    --target_modules all-linear \
    --learning_rate @learning_rate \
    --warmup_ratio @warmup \
    --num_train_epochs @epochs \
    --per_device_train_batch_size @batch_per_gpu \
    --gradient_accumulation_steps $((@effective_batch / (@batch_per_gpu * GPUS))) \
    --max_length @max_length \
    --torch_dtype bfloat16 \
    --strict true \
    --output_dir "$OUTPUT" \
    "$@@"
