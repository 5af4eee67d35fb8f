"""The boxes in a text: as a format's template spells them, or in lists of numbers, bare or in JSON objects.

Public names: `read_template(text, fmt) -> Reading` and `read_lists(text, fmt) -> Reading`. Both take time that is
linear in the text.

A template is `(1,2),(3,4)`, `{<1><2><3><4>}`, `<loc_1><loc_2>...`: in each pattern one piece can follow another in one
way only.

In lists, what is read is
- a JSON object that has a list of numbers: its text values are the label of its boxes, else the key of the list is,
  unless it only says "box"; two lists of equal length, boxes and names, belong together; numbers are left out, except
  those of keys such as "count", as are objects in it, up to two levels deep. If one of them has a box, it is read on
  its own instead. Apostrophes are read as quotation marks;
- every other list of numbers, several boxes in one separated by ";".

A scan of an object passes no opening brace more than two levels deep, except in strings, and what follows a brace in a
string is not a key. A run of numbers holds no opening bracket.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from builders.notation.formats import BOX_KEYS, COUNT_KEYS, BoxFormat

# A coordinate as text, with the same syntax of numbers as in the metric.
NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"


class Group(NamedTuple):
    """Boxes under one label.

    Attributes:
        label: words that belong before the boxes; may be empty.
        boxes: the numbers of each as written: four, five with a rotation, or the eight of four corners. Any other
            count is not a box but a point or a polygon.
    """

    label: str
    boxes: tuple[tuple[float, ...], ...]


class Found(NamedTuple):
    """A span of a text that spells boxes.

    Attributes:
        start: where the span begins.
        end: where it ends.
        groups: the boxes in it, with their labels.
    """

    start: int
    end: int
    groups: tuple[Group, ...]


class Reading(NamedTuple):
    """The boxes of a text.

    Attributes:
        found: the spans in order.
        end: end of the text without a last box or object that is cut off.
        truncated: whether something is cut off there.
    """

    found: tuple[Found, ...]
    end: int
    truncated: bool


# A template falls into fields, spaces, words and single signs.
_PIECE = re.compile(r"\$(?P<field>\w+)|(?P<space>\s+)|(?P<word>[A-Za-z_]+)|(?P<sign>\S)")
_ANGLE = "$angle"
# PaliGemma's label: what follows a box up to the next ";", line break or the end; a sentence is not a label.
_LABEL_AFTER = re.compile(r"[ \t]*(?P<label>[^\s;.,:!?<>(){}\[\]][^\n;.,:!?<>(){}\[\]]{0,60})(?=[;\n]|\Z)")


class _Pattern(NamedTuple):
    """How a format is read.

    Attributes:
        boxes: a box, or else what is a point in the format.
        cut: a box that the end of the text cuts off behind a number, but not a point there.
    """

    boxes: re.Pattern[str]
    cut: re.Pattern[str]


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
    cut = pattern.cut.search(text, last_box)
    end = cut.start() if cut else len(text)
    return Reading(tuple(one for one in found if one.start < end), end, end < len(text))


@lru_cache(maxsize=64)
def _pattern_of(fmt: BoxFormat) -> _Pattern:
    point = _join(_pieces(fmt.point), fmt)
    ways = [template for template in dict.fromkeys((fmt.box, fmt.corners)) if template]
    boxes = [_join(_pieces(template), fmt) for template in ways]
    boxes_or_point = "|".join(filter(None, [*boxes, point]))
    cut = "|".join(map(_cut_off, ways))
    unless_point = rf"(?!{point}\s*\Z)" if point else ""
    return _Pattern(re.compile(boxes_or_point, re.ASCII), re.compile(f"{unless_point}(?:{cut})", re.ASCII))


def _cut_off(template: str) -> str:
    """Return the pattern of a box that the end of the text cuts off, behind its first number or any piece after it."""
    pieces = [(gap, piece) for gap, piece in _pieces(template) if piece != _ANGLE]
    first = next(place for place, (_, piece) in enumerate(pieces) if NUMBER in piece)
    following = r"\s*\Z"
    for gap, piece in reversed(pieces[first + 1 : -1]):
        following = rf"(?:\s*\Z|{gap}{piece}{following})"
    return "".join(gap + piece for gap, piece in pieces[: first + 1]) + following


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


# Boxes, several of them separated by ";".
_RUN = rf"[\s;]*{NUMBER}(?:\s*(?:,\s*|;[\s;]*){NUMBER})*[\s;]*"
_RUNS = {
    "list": re.compile(rf"\[({_RUN})\]", re.ASCII),
    "brackets": re.compile(rf"\[({_RUN})\]|\(({_RUN})\)|<({_RUN})>", re.ASCII),
}
_TOKEN = re.compile(
    rf"""\s*(?:
    (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    | (?P<number>{NUMBER}(?![\w.]))
    | (?P<word>[A-Za-z]+)
    | (?P<sign>[\[\]{{}}:,])
    )""",
    re.ASCII | re.VERBOSE,
)
_UNFINISHED = re.compile(r"""\s*(?:["'][^\n]*)?\Z""")

# Levels of objects inside an object with a box.
_DEEPEST = 2

# A dict stands for an object without a box; its members are not kept.
Value = str | float | list | dict | None


class _Object(NamedTuple):
    """A JSON object, or the part of it before the text ends.

    Attributes:
        members: its keys and values. A list is kept if it contains only numbers, lists of numbers, or strings.
        end: where it ends.
        whole: False if the text ends inside it.
    """

    members: tuple[tuple[str, Value], ...]
    end: int
    whole: bool


class _NotRead(Exception):
    """The text is not an object, or one that contains a box in another object."""


class _Ended(Exception):
    """The text ends here."""

    def __init__(self, value: Value = None) -> None:
        self.value = value


def read_lists(text: str, fmt: BoxFormat) -> Reading:
    """Find the boxes of a text, and whether its end cuts off an object or a list.

    Args:
        text: an answer without the format's tokens.
        fmt: a format whose syntax is `list` or `brackets`.
    """
    found: list[Found] = []
    at = 0
    end, truncated = len(text), False
    for start, entry in _objects(text):
        groups = _groups_of(entry)
        if not entry.whole:
            truncated = True
            if not groups:
                end = start
                break
        if groups:
            found += _bare(text, at, start, fmt)
            found.append(Found(start, entry.end, groups))
            at = entry.end
    found += _bare(text, at, end, fmt)
    last = max((one.end for one in found), default=0)
    cut = text.rfind("[", last, end)
    if cut >= 0 and _is_run(text[cut + 1 : end]):
        end, truncated = cut, True
    return Reading(tuple(found), end, truncated)


def _is_run(text: str) -> bool:
    return any("0" <= sign <= "9" for sign in text) and not text.strip("-+0123456789.,; \t\r\n")


def _bare(text: str, start: int, end: int, fmt: BoxFormat) -> Iterator[Found]:
    for match in _RUNS[fmt.syntax].finditer(text, start, end):
        parts = match[match.lastindex or 0].split(";")
        boxes = tuple(tuple(map(float, part.split(","))) for part in parts if part.strip())
        # A single number in brackets, [3], is a number.
        if len(boxes) > 1 or len(boxes[0]) > 1:
            yield Found(match.start(), match.end(), (Group("", boxes),))


def _objects(text: str) -> Iterator[tuple[int, _Object]]:
    """Yield the objects that contain no box in another object, and where they begin."""
    start = text.find("{")
    while start >= 0:
        try:
            entry = _read_object(text, start)
        except _NotRead:
            start = text.find("{", start + 1)
            continue
        yield start, entry
        start = text.find("{", entry.end)


def _read_object(text: str, start: int, depth: int = 0) -> _Object:
    members: list[tuple[str, Value]] = []
    place = start + 1
    key = ""
    try:
        while True:
            kind, token, place = _next(text, place)
            if members and token == ",":
                kind, token, place = _next(text, place)
            elif members and token != "}":
                raise _NotRead
            if token == "}":
                return _Object(tuple(members), place, True)
            if kind != "string":
                raise _NotRead
            key = _decode(token)
            _, colon, place = _next(text, place)
            if colon != ":":
                raise _NotRead
            value, place = _read_value(text, place, depth)
            members.append((key, value))
    except _Ended as ended:
        # Of an object that is cut off, only lists of complete boxes are kept: the label of a single box may be missing.
        kept = () if ended.value is None else (*members, (key, ended.value))
        return _Object(kept, len(text), False)


def _read_value(text: str, place: int, depth: int) -> tuple[Value, int]:
    kind, token, place = _next(text, place)
    if kind == "string":
        return _decode(token), place
    if kind == "number":
        return float(token), place
    if kind == "word":
        return None, place
    if token == "[":
        return _read_list(text, place)
    if token == "{" and depth < _DEEPEST:
        inner = _read_object(text, place - 1, depth + 1)
        if _groups_of(inner):
            raise _NotRead
        if not inner.whole:
            raise _Ended
        return {}, inner.end
    raise _NotRead


def _read_list(text: str, place: int) -> tuple[Value, int]:
    """Read a list from the position after its opening bracket."""
    items: list[Value] = []
    inner: list[float] | None = None
    try:
        while True:
            kind, token, place = _next(text, place)
            if token == "]":
                if inner is None:
                    return _plain(items), place
                items.append(inner)
                inner = None
            elif token == "[" and inner is None:
                inner = []
            elif kind == "number":
                (items if inner is None else inner).append(float(token))
            elif kind == "string":
                if inner is not None:
                    raise _NotRead
                items.append(_decode(token))
            elif kind != "word" and token != ",":
                raise _NotRead
    except _Ended:
        whole = [item for item in items if isinstance(item, list)]
        raise _Ended(whole or None) from None


def _plain(items: list[Value]) -> Value:
    """Return a list of one kind of items; None if it mixes them."""
    return items if len({type(item) for item in items}) == 1 else None


def _next(text: str, place: int) -> tuple[str, str, int]:
    match = _TOKEN.match(text, place)
    if match is None:
        if _UNFINISHED.match(text, place):
            raise _Ended
        raise _NotRead
    kind = match.lastgroup or ""
    return kind, match[kind], match.end()


def _decode(token: str) -> str:
    if token[0] == '"':
        try:
            return json.loads(token)
        except ValueError:
            pass
    return token[1:-1]


def _groups_of(entry: _Object) -> tuple[Group, ...]:
    """Return an object's boxes with their labels; none if it has no box."""
    lists: list[tuple[str, list[tuple[float, ...]]]] = []
    words: list[str] = []
    names: list[str] = []
    about_boxes = False
    for key, value in entry.members:
        is_box_key = key.lower() in BOX_KEYS
        if isinstance(value, str):
            words.append(value)
        elif isinstance(value, float):
            if key.lower() in COUNT_KEYS:
                words.append(f"{key} {value:.15g}")
        elif isinstance(value, list) and isinstance(value[0], str):
            names = value
        elif isinstance(value, list):
            boxes = [tuple(item) for item in value] if isinstance(value[0], list) else [tuple(value)]
            if any(len(box) > 1 for box in boxes):
                lists.append(("" if is_box_key else key, boxes))
                about_boxes = True
        about_boxes = about_boxes or (is_box_key and value is None)
    if not about_boxes:
        return ()
    if len(lists) == 1 and len(names) == len(lists[0][1]):
        lists = [(name, [box]) for name, box in zip(names, lists[0][1], strict=True)]
    label = " ".join(words)
    groups = [Group(" ".join(filter(None, (label, key))), tuple(boxes)) for key, boxes in lists]
    return tuple(groups) or (Group(label, ()),)
