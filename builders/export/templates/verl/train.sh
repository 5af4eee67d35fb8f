#!/usr/bin/env bash
# Trains with verl (tried with 0.9.1) by reinforcement learning: GRPO with LoRA, on the reward of `builders.rewards`.
# MODEL, GPUS and OUTPUT may be set; further Hydra overrides follow: bash train.sh trainer.total_training_steps=100
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

python3 -m verl.trainer.main_ppo \
    algorithm.adv_estimator=grpo \
    data.train_files="@train_files" \
    data.val_files="@val_files" \
    data.image_key=images \
    data.custom_cls.path="$HERE/sarchat_verl.py" \
    data.custom_cls.name=SARChatDataset \
    data.train_batch_size=@effective_batch \
    data.max_prompt_length=@max_length \
    data.max_response_length=@max_tokens \
    data.filter_overlong_prompts=True \
    reward.custom_reward_function.path=pkg://builders.rewards.verl_reward \
    reward.custom_reward_function.name=compute_score \
    actor_rollout_ref.model.path="${MODEL:-@model}" \
    actor_rollout_ref.model.lora_rank=@lora_rank \
    actor_rollout_ref.model.lora_alpha=@lora_alpha \
    actor_rollout_ref.model.target_modules=all-linear \
    actor_rollout_ref.actor.optim.lr=1e-6 \
    actor_rollout_ref.actor.ppo_mini_batch_size=@effective_batch \
    actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=@batch_per_gpu \
    actor_rollout_ref.rollout.name=vllm \
    actor_rollout_ref.rollout.n=8 \
    actor_rollout_ref.rollout.tensor_model_parallel_size=1 \
    actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=@batch_per_gpu \
    actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu=@batch_per_gpu \
    trainer.n_gpus_per_node="${GPUS:-1}" \
    trainer.nnodes=1 \
    trainer.total_epochs=@epochs \
    trainer.test_freq=@eval_steps \
    trainer.logger='["console"]' \
    trainer.default_local_dir="${OUTPUT:-$HERE-grpo}" \
    "$@@"
