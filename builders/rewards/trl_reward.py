"""The reward for TRL's `GRPOTrainer`: `reward_funcs=[sarchat_reward]`.

On the command line: `trl grpo --reward_funcs builders.rewards.trl_reward.sarchat_reward`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from builders.rewards.reward import reward_batch


def sarchat_reward(completions: Sequence[str | Sequence[Mapping[str, Any]]], **columns: Any) -> list[float]:  # noqa: ANN401
    """Return the reward of each completion, from 0 to 1; see `builders.rewards.reward`.

    Args:
        completions: texts, or conversations whose last message is the answer.
        **columns: the columns of the export.
    """
    return reward_batch([_text(completion) for completion in completions], columns)


def _text(completion: str | Sequence[Mapping[str, Any]]) -> str:
    if isinstance(completion, str):
        return completion
    content = completion[-1]["content"]
    # Some versions pass a list of parts.
    return content if isinstance(content, str) else "".join(part.get("text") or "" for part in content)
