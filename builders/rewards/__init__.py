"""The metric as a reward for reinforcement learning, with adapters for trainers."""
