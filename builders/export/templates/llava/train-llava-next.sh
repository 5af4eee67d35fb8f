#!/usr/bin/env bash
# Fine-tunes with LLaVA-NeXT (https://github.com/LLaVA-VL/LLaVA-NeXT) as the paper did: LoRA, one epoch, 32 records per
# step. Run it in the root of its repository; MODEL, GPUS and OUTPUT may be set, and further arguments follow.
# Tried with b42941c. Later commits, up to df17966 at least, end in a NameError: its trainer lacks imports.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
GPUS=${GPUS:-1}

torchrun --nproc_per_node "$GPUS" llava/train/train_mem.py \
    --model_name_or_path "${MODEL:-lmms-lab/llava-onevision-qwen2-7b-ov}" \
    --version qwen_1_5 \
    --data_path "$HERE/{@datasets}.json" \
    --image_folder "$HERE" \
    --vision_tower google/siglip-so400m-patch14-384 \
    --mm_projector_type mlp2x_gelu \
    --mm_vision_select_layer -2 \
    --mm_use_im_start_end False \
    --mm_use_im_patch_token False \
    --image_aspect_ratio anyres_max_9 \
    --image_grid_pinpoints "(1x1),...,(6x6)" \
    --mm_patch_merge_type spatial_unpad \
    --lora_enable True \
    --lora_r @lora_rank \
    --lora_alpha @lora_alpha \
    --learning_rate @learning_rate \
    --warmup_ratio @warmup \
    --num_train_epochs @epochs \
    --per_device_train_batch_size @batch_per_gpu \
    --gradient_accumulation_steps $((@effective_batch / (@batch_per_gpu * GPUS))) \
    --model_max_length 32768 \
    --lr_scheduler_type cosine \
    --bf16 True \
    --gradient_checkpointing True \
    --ddp_find_unused_parameters False \
    --lazy_preprocess True \
    --output_dir "${OUTPUT:-$HERE-lora}" \
    "$@@"
