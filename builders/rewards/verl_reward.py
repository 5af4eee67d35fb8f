"""The reward for verl: `reward.custom_reward_function.path=pkg://builders.rewards.verl_reward`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from builders.rewards.reward import reward


def compute_score(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Mapping[str, Any] | None = None, **_: object
) -> float:
    """Return the reward of one answer, from 0 to 1; see `builders.rewards.reward`.

    Args:
        data_source: not used.
        solution_str: the answer.
        ground_truth: the gold answer.
        extra_info: the task, and the notation of boxes if it is not the data set's own.
    """
    return reward(solution_str, {**(extra_info or {}), "answer": ground_truth})
