"""The reward for ms-swift: importing this module registers it there as `sarchat`.

`swift rlhf --rlhf_type grpo --external_plugins .../builders/rewards/ms_swift_plugin.py --reward_funcs sarchat`

ms-swift puts this folder in front of Python's path, so no module in it may have the name of a package, such as trl.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from swift.rewards import ORM, orms

from builders.rewards.reward import reward_batch


class SARChatReward(ORM):
    """The reward of each completion, from 0 to 1; see `builders.rewards.reward`."""

    def __call__(self, completions: Sequence[str], **columns: Any) -> list[float]:  # noqa: ANN401
        """Return the rewards; the columns are those of an export with `--box-format`."""
        return reward_batch(completions, columns)


orms["sarchat"] = SARChatReward
