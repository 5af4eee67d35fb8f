"""Reading the lists of a JSON object entry by entry: only a few are in memory, however long the document is."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()
# Far above any real entry. Without a limit, a missing quotation mark would load the rest of the file into memory.
_LONGEST_VALUE = 1 << 26


def read_lists(chunks: Iterable[bytes], handlers: Mapping[str, Callable[[Any], object]]) -> dict[str, bool]:
    """Call a handler with each entry of some lists of a JSON object, in the order of the document.

    Args:
        chunks: the document, in pieces of any length.
        handlers: the function to call with each entry of the list with that key. Other values are read and dropped.

    Returns:
        The keys of the document, each with whether a handler was called for its list; none if it is not an object.

    Raises:
        ValueError: if the document is not valid JSON, is nested too deeply, or has a key of `handlers` more than once.
    """
    text = _Text(_decode(chunks))
    if text.next_sign() != "{":
        return {}
    found: dict[str, bool] = {}
    for key in _read_keys(text):
        if found.get(key):
            raise ValueError(f"it has {key!r} more than once")
        found[key] = key in handlers and text.next_sign() == "["
        if found[key]:
            _read_list(text, handlers[key])
        else:
            text.read_value()
    if text.next_sign():
        raise text.error("nothing may follow the object")
    return found


def _decode(chunks: Iterable[bytes]) -> Iterator[str]:
    pieces, start = iter(chunks), b""
    while len(start) < 4 and (piece := next(pieces, None)) is not None:
        start += piece
    # As `json.loads` decodes bytes.
    return codecs.iterdecode(chain([start], pieces), json.detect_encoding(start), "surrogatepass")


class _Text:
    """The part of a text that is being read: what comes before is dropped, and what follows is added when needed."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces
        self._text = ""
        self._at = 0
        self._dropped = 0

    def next_sign(self) -> str:
        """Return the next character after white space, which stays; nothing at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # matches always
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._extend():
                return ""

    def take(self, signs: str) -> str:
        """Return the next character after white space, and move past it.

        Raises:
            ValueError: if it is not one of `signs`.
        """
        sign = self.next_sign()
        if not sign or sign not in signs:
            raise self.error("expected " + " or ".join(map(repr, signs)))
        self._at += 1
        return sign

    def read_value(self) -> Any:  # noqa: ANN401
        """Return the next value, and move past it.

        Raises:
            ValueError: if it is not valid, nested too deeply or too long.
        """
        self.next_sign()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                # It may continue beyond what was read.
                if not self._extend():
                    raise self.error(error.msg, error.pos) from error
            except RecursionError as error:
                # Raised from some hundreds of brackets on, depending on the version of Python.
                raise ValueError("it is nested too deeply") from error
            else:
                # A number may continue beyond what was read: with 1e+ at the end, its value is 1 so far.
                if end + 2 < len(self._text) or not self._extend():
                    self._at = end
                    return value
                continue
            if len(self._text) > _LONGEST_VALUE:
                raise self.error(f"a value has more than {_LONGEST_VALUE:,} characters")

    def error(self, message: str, at: int | None = None) -> ValueError:
        """Return an error of the given place, by default the current one."""
        place = self._dropped + (self._at if at is None else at)
        return ValueError(f"{message}, at character {place:,}")

    def _extend(self) -> bool:
        """Drop what was read and add at least as much as is left; return whether anything was added."""
        rest = self._text[self._at :]
        added: list[str] = []
        length = 0
        for piece in self._pieces:
            added.append(piece)
            length += len(piece)
            if length > len(rest):
                break
        if not length:
            return False
        self._dropped += self._at
        self._text, self._at = rest + "".join(added), 0
        return True


def _read_keys(text: _Text) -> Iterator[str]:
    """Yield the keys of an object; the caller reads each value before the next key."""
    text.take("{")
    if text.next_sign() == "}":
        text.take("}")
        return
    while True:
        if text.next_sign() != '"':
            raise text.error("expected a key in double quotes")
        key = text.read_value()
        text.take(":")
        yield key
        if text.take(",}") == "}":
            return


def _read_list(text: _Text, handle: Callable[[Any], object]) -> None:
    text.take("[")
    if text.next_sign() == "]":
        text.take("]")
        return
    while True:
        handle(text.read_value())
        if text.take(",]") == "]":
            return
