#!/usr/bin/env bash
# Fine-tunes with qwen-vl-finetune (https://github.com/QwenLM/Qwen3-VL) as the paper did: LoRA, one epoch, 32 records per
# step. Run it in the folder qwen-vl-finetune of its repository; MODEL, GPUS and OUTPUT may be set, and further arguments
# follow. Boxes are written in this notation: @box_format.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
GPUS=${GPUS:-1}

torchrun --nproc_per_node "$GPUS" "$HERE/train_qwen_vl_finetune.py" \
    --model_name_or_path "${MODEL:-@model}" \
    --dataset_use @datasets \
    --min_pixels @min_pixels \
    --max_pixels @max_pixels \
    --lora_enable True \
    --lora_r @lora_rank \
    --lora_alpha @lora_alpha \
    --learning_rate @learning_rate \
    --warmup_ratio @warmup \
    --num_train_epochs @epochs \
    --per_device_train_batch_size @batch_per_gpu \
    --gradient_accumulation_steps $((@effective_batch / (@batch_per_gpu * GPUS))) \
    --model_max_length @max_length \
    --lr_scheduler_type cosine \
    --bf16 True \
    --gradient_checkpointing True \
    --ddp_find_unused_parameters False \
    --output_dir "${OUTPUT:-$HERE-lora}" \
    "$@@"
