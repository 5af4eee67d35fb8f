"""Whether a model looks: its scores with each record's own image, with another image, and with a grey one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from builders.core.errors import SARChatError
from builders.core.tables import Table
from builders.scoring.comparison import Comparison, compare, tabulate_comparison
from builders.scoring.result import OWN_IMAGE, Result
from builders.scoring.result_files import read_result

# The files of a probe, in its folder: the answers by the image that was shown, and the scores.
FILES = {OWN_IMAGE: "own.jsonl", "another image": "another.jsonl", "grey image": "grey.jsonl"}
SCORES = "probe.json"


def tabulate_probe(probe: Sequence[Result]) -> Table:
    """Return the scores with the own images and with others, the differences, and what they say.

    Args:
        probe: as `Result.probe`: own, another, grey.

    Raises:
        SARChatError: if the scores are not of the same records.
    """
    own, *others = probe
    compared = [compare(other, own) for other in others]
    table = tabulate_comparison(own, others, compared)
    return replace(table, notes=[*table.notes, *_conclude(own, compared[0])])


def _conclude(own: Result, another: Comparison) -> list[str]:
    """Return a line for the overall score, or for each task if none enters it."""
    lines = []
    for key in ("overall",) if "overall" in own.figures else own.tasks:
        low, high = another.intervals[key]
        words = "overall" if key == "overall" else f"in {key}"
        lines.append(
            f"The model looks: with another image it loses {-high:.2f} to {-low:.2f} points {words}."
            if high < 0
            else f"No sign that the model looks: with another image it scores no less {words}, within the interval."
        )
    return lines


def find_probe(answers: str, given: Path | None) -> Result | None:
    """Return the scores of `sarchat probe`: those in a file that is given, or beside answers that a probe wrote.

    Raises:
        SARChatError: if the file cannot be read, or holds other scores.
    """
    if given is None:
        path = Path(answers).expanduser()
        given = path.with_name(SCORES)
        if path.name != FILES[OWN_IMAGE] or not given.exists():
            return None
    result = read_result(given)
    if not result.probe:
        raise SARChatError(f"{given} has no scores with other images; give {SCORES} of the folder of `sarchat probe`")
    return result


def join_probes(results: Sequence[Result]) -> list[Result]:
    """Give what a probe found to the scores of the model of that name; a probe without such scores stays by itself.

    Raises:
        SARChatError: if two probes are of the model of one file of scores.
    """
    probes = [result for result in results if result.probe]
    joined = [result for result in results if not result.probe]
    names = {result.name for result in joined}
    for result in probes:
        same = [other.location for other in probes if other.name == result.name]
        if result.name in names and len(same) > 1:
            raise SARChatError(f"{' and '.join(same)} are both probes of {result.name}; give one of them")
    found = {result.name: result.probe for result in probes}
    joined = [replace(result, probe=found.get(result.name, ())) for result in joined]
    return joined + [result for result in probes if result.name not in names]
