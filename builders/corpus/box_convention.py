"""Signs that boxes are not COCO's x, y, width and height in pixels."""

from __future__ import annotations

from collections.abc import Iterable

from builders.core.errors import SARChatError
from builders.corpus.targets import RawBox

# Of nine corpora of aerial, radar and infrared images, those as they are have no box that reaches more than a pixel
# past the right or bottom edge, and at most 15 % fit as corners, 99 % as centres. Rewritten as corners, 61 to 81 %
# reach past it and all fit; rewritten as centres, up to 39 % do, and all fit.
_SLACK = 1.0
_MOST = 0.95
_PAST_AS_CORNERS = 0.2
_ALL_AS_CENTRES, _PAST_AS_CENTRES = 0.995, 0.02
# Fewer boxes past the edge prove nothing.
_LEAST_PAST = 3
_GO_ON = "or pass --trust-boxes if they are correct"


class BoxConvention:
    """Counts, box by box, in which conventions the four numbers make sense."""

    def __init__(self) -> None:
        """Start with no box."""
        self._boxes = self._past_edge = self._as_corners = self._as_centres = self._below_one = 0

    def add(self, boxes: Iterable[RawBox], width: int, height: int) -> None:
        """Add the boxes of an image of a width and height in pixels; not those without an extent or with corners."""
        right, bottom = width + _SLACK, height + _SLACK
        for _, (x, y, w, h), _, corners, _ in boxes:
            if w > 0 and h > 0 and corners is None:
                self._boxes += 1
                self._past_edge += x + w > right or y + h > bottom
                self._as_corners += x < w <= right and y < h <= bottom
                half_w, half_h = w / 2, h / 2
                self._as_centres += (
                    -_SLACK <= x - half_w and -_SLACK <= y - half_h and x + half_w <= right and y + half_h <= bottom
                )
                self._below_one += x <= 1 and y <= 1 and w <= 1 and h <= 1

    def check(self, name: str) -> None:
        """Refuse boxes if nearly all of them look like another convention.

        Args:
            name: the file or folder, for the message.

        Raises:
            SARChatError: if they are; the message names the likely convention.
        """
        if self._boxes and self._below_one >= _MOST * self._boxes:
            raise SARChatError(
                f"{name}: {self._share(self._below_one)} have no number above 1, as if they were in shares of the "
                f"image's width and height, but COCO's bbox is x, y, width, height in pixels; convert them, {_GO_ON}"
            )
        if self._past_edge < _LEAST_PAST:
            return
        if self._past_edge >= _PAST_AS_CORNERS * self._boxes and self._as_corners >= _MOST * self._boxes:
            self._refuse(name, self._as_corners, "x1, y1, x2, y2")
        if self._past_edge >= _PAST_AS_CENTRES * self._boxes and self._as_centres >= _ALL_AS_CENTRES * self._boxes:
            self._refuse(name, self._as_centres, "centre x, centre y, width, height")

    def _refuse(self, name: str, fitting: int, likely: str) -> None:
        raise SARChatError(
            f"{name}: {self._share(self._past_edge)} reach past the right or bottom edge of their image, and "
            f"{fitting:,} would fit as {likely}, but COCO's bbox is x, y, width, height; convert them, {_GO_ON}"
        )

    def _share(self, number: int) -> str:
        return f"{number:,} of {self._boxes:,} boxes"
