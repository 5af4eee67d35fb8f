"""Boxes that are read as the format's template spells them: `(1,2),(3,4)`, `{<1><2><3><4>}`, `<loc_1><loc_2>...`.

Public name: `read_template(text, fmt) -> Reading`. The time is linear in the text: in each pattern one piece can follow
another in one way only.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from builders.notation.formats import BoxFormat
from builders.notation.found import NUMBER, Found, Group, Reading

# A template falls into fields, spaces, words and single signs.
_PIECE = re.compile(r"\$(?P<field>\w+)|(?P<space>\s+)|(?P<word>[A-Za-z_]+)|(?P<sign>\S)")
_ANGLE = "$angle"
# PaliGemma's label: what follows a box up to the next ";", line break or the end; a sentence is not a label.
_LABEL_AFTER = re.compile(r"[ \t]*(?P<label>[^\s;.,:!?<>(){}\[\]][^\n;.,:!?<>(){}\[\]]{0,60})(?=[;\n]|\Z)")


class _Pattern(NamedTuple):
    """How a format is read.

    Attributes:
        boxes: a box, or else what is a point in the format.
        point: a point at the end of a text; None if the format has none.
        pieces: for each way to write a box, its pieces one by one, to recognise one that is cut off.
    """

    boxes: re.Pattern[str]
    point: re.Pattern[str] | None
    pieces: tuple[tuple[re.Pattern[str], ...], ...]


def read_template(text: str, fmt: BoxFormat) -> Reading:
    """Find the boxes of a text, and whether the last one is cut off.

    Args:
        text: an answer without the format's tokens.
        fmt: a format whose syntax is `template`.
    """
    pattern = _pattern_of(fmt)
    found: list[Found] = []
    at = last_box = 0
    for match in pattern.boxes.finditer(text):
        if match.start() < at:
            continue
        label, at = "", match.end()
        if fmt.label == "after" and (after := _LABEL_AFTER.match(text, at)):
            label, at = after["label"].strip(), after.end()
        numbers = tuple(float(number) for number in match.groups() if number is not None)
        found.append(Found(match.start(), at, (Group(label, (numbers,)),)))
        last_box = at if len(numbers) > 2 else last_box
    end = _cut_at(text, last_box, pattern)
    return Reading(tuple(one for one in found if one.start < end), end, end < len(text))


@lru_cache(maxsize=64)
def _pattern_of(fmt: BoxFormat) -> _Pattern:
    point = _join(_pieces(fmt.point), fmt)
    ways = [template for template in dict.fromkeys((fmt.box, fmt.corners)) if template]
    boxes = [_join(_pieces(template), fmt) for template in ways]
    return _Pattern(
        re.compile("|".join(filter(None, [*boxes, point])), re.ASCII),
        re.compile(rf"{point}\s*\Z", re.ASCII) if point else None,
        tuple(
            tuple(re.compile(piece, re.ASCII) for _, piece in _pieces(template) if piece != _ANGLE) for template in ways
        ),
    )


def _join(pieces: list[tuple[str, str]], fmt: BoxFormat) -> str:
    angle = "".join(piece for _, piece in _pieces(fmt.angle.replace(_ANGLE, "$degrees")))
    return "".join(rf"(?:\s*{angle})?" if piece == _ANGLE else gap + piece for gap, piece in pieces)


def _pieces(template: str) -> list[tuple[str, str]]:
    """Return the pattern of each piece of a template, with that of the gap before it."""
    pieces: list[tuple[str, str]] = []
    gap = ""
    for match in _PIECE.finditer(template):
        if match["space"]:
            gap = r"\s+"
            continue
        if match[0] == _ANGLE:
            pieces.append((gap, _ANGLE))
        elif match["field"]:
            pieces.append((gap, f"({NUMBER})"))
        else:
            pieces.append((gap, re.escape(match[0])))
        gap = r"\s*"
    return pieces


def _cut_at(text: str, at: int, pattern: _Pattern) -> int:
    """Return where a box begins that the end of the text cuts off; the text's length if there is none."""
    opening = pattern.pieces[0][0]
    for match in opening.finditer(text, at):
        start = match.start()
        if pattern.point and pattern.point.match(text, start):
            continue
        if any(_is_cut(text, start, way) for way in pattern.pieces):
            return start
    return len(text)


def _is_cut(text: str, place: int, pieces: tuple[re.Pattern[str], ...]) -> bool:
    numbers = 0
    for piece in pieces:
        while place < len(text) and text[place].isspace():
            place += 1
        if place == len(text):
            return numbers > 0
        match = piece.match(text, place)
        if match is None:
            return False
        numbers += bool(match.groups())
        place = match.end()
    return False
