"""Rewards for reinforcement learning, from the metric, and adapters for trainers."""
