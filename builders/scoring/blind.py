"""The scores of blind players that `sarchat baseline` keeps in a build, in `baseline.json`.

They are the scores of answers without pixels: what a model must exceed to show that it looks at the images.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from builders.core.errors import SARChatError
from builders.core.resources import load_json
from builders.data.reader import BASELINE
from builders.data.records import Records
from sarchat_metric import SUB_SCORES, VERSION

# By kind of player, the sub-scores in percent.
BlindScores = Mapping[str, Mapping[str, float]]
_SUB_SCORES = {key for keys in SUB_SCORES.values() for key in keys}


def read_blind(data: Records, split: str, average: str) -> BlindScores:
    """Return the scores of blind players on a split of a data set; empty if it has none.

    Raises:
        SARChatError: if the file cannot be read.
    """
    text = data.read_text(BASELINE)
    if text is None:
        return {}
    try:
        content = load_json(text)
        kinds = content["splits"].get(split, {"kinds": {}})["kinds"]
        found = {kind: parse_blind(averages[average]) for kind, averages in kinds.items()}
        version = content["metric_version"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SARChatError(
            f"{data.location}: {BASELINE} is not one of `sarchat baseline`: {error!r:.80}; write it again"
        ) from error
    if found and version != VERSION:
        logging.getLogger(__name__).warning(
            "%s: the blind scores in %s are of metric %s, but this is %s; run `sarchat baseline` again.",
            *(data.location, BASELINE, version, VERSION),
        )
    return found


def parse_blind(scores: object) -> dict[str, float]:
    """Return sub-scores in percent.

    Raises:
        ValueError: if they are not.
    """
    if not isinstance(scores, dict) or not all(
        key in _SUB_SCORES and type(value) in (int, float) and 0 <= value <= 100 for key, value in scores.items()
    ):
        raise ValueError("the blind scores are not sub-scores in percent")
    return scores
