"""Oriented boxes as four corners: their canonical form, area, rectangle, and the part inside an image.

Points are `(x, y)` in pixels, x to the right and y down; clockwise is as seen on the screen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from builders.core.schema import Box, Corners

Point = tuple[float, float]


class Rectangle(NamedTuple):
    """A rectangle: its centre, its longer and its shorter side, in pixels, and the angle of the longer one.

    The angle is in radians, at least -pi/2 and below pi/2; a positive one is clockwise from the x axis.
    """

    x: float
    y: float
    length: float
    breadth: float
    angle: float


def to_points(corners: Iterable[float]) -> list[Point]:
    """Return the points of `x1, y1, x2, y2, ...`."""
    numbers = iter(corners)
    return list(zip(numbers, numbers, strict=True))


def corners_of(box: Sequence[float]) -> Corners:
    """Return the corners of an upright box, in canonical form."""
    x1, y1, x2, y2 = box
    return x1, y1, x2, y1, x2, y2, x1, y2


def bounds(points: Iterable[Point]) -> Box:
    """Return the upright box around points."""
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def area(points: Sequence[Point]) -> float:
    """Return the area of a polygon in square pixels; it is negative if its corners go counter-clockwise."""
    # Around one of the points: the products of coordinates far from the origin would lose digits.
    x, y = points[0] if points else (0.0, 0.0)
    around = [(px - x, py - y) for px, py in points]
    return sum(ax * by - bx * ay for (ax, ay), (bx, by) in pairwise(around)) / 2


def hull(points: Iterable[Point]) -> list[Point]:
    """Return the corners of the convex hull, clockwise from the leftmost; of points on a line, its two ends."""
    ordered = sorted(set(points))
    halves = []
    for way in (ordered, ordered[::-1]):
        half: list[Point] = []
        for point in way:
            while len(half) > 1 and _turn(half[-2], half[-1], point) <= 0:
                half.pop()
            half.append(point)
        halves += half[:-1]
    return halves or ordered


def canonical(corners: Sequence[float]) -> tuple[Corners, bool] | None:
    """Return corners clockwise from the topmost, of several the leftmost, and whether they had to be made convex.

    Corners that are not those of a convex quadrilateral in either direction are replaced by those of their convex hull;
    if these are three, the last one is repeated.

    Returns:
        The corners and whether they were replaced; `None` if they enclose no area.
    """
    points = to_points(corners)
    turns = [_turn(points[place - 2], points[place - 1], points[place]) for place in range(4)]
    replaced = min(turns) < 0 < max(turns)
    if replaced:
        points = hull(points)
    enclosed = area(points)
    if not enclosed:
        return None
    points = _from_top(points if enclosed > 0 else points[::-1])
    return _flatten(points + points[-1:] * (4 - len(points))), replaced


def from_top(corners: Sequence[float]) -> Corners:
    """Return corners, which go clockwise, so that they start at the topmost, of several the leftmost."""
    return _flatten(_from_top(to_points(corners)))


def clip(points: Sequence[Point], width: float, height: float) -> list[Point]:
    """Return the part of a convex polygon that is inside an image; no point if there is none."""
    inside = list(points)
    for axis, limit, sign in ((0, 0.0, 1), (0, width, -1), (1, 0.0, 1), (1, height, -1)):
        found = []
        for before, point in zip([*inside[-1:], *inside], inside, strict=False):
            from_line, to_line = sign * (before[axis] - limit), sign * (point[axis] - limit)
            if from_line * to_line < 0:
                share = from_line / (from_line - to_line)
                cut = [start + share * (end - start) for start, end in zip(before, point, strict=True)]
                # Exactly on the edge.
                cut[axis] = limit
                found.append((cut[0], cut[1]))
            if to_line >= 0:
                found.append(point)
        inside = found
    return inside


def covered_area(corners: Iterable[float], width: float, height: float) -> float:
    """Return the area of convex corners inside an image, in square pixels."""
    return abs(area(clip(to_points(corners), width, height)))


def rectangle(corners: Iterable[float]) -> Rectangle:
    """Return the smallest rectangle around corners that enclose an area."""
    points = hull(to_points(corners))
    best: tuple[float, Rectangle] | None = None
    for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]], strict=True):
        right, down = x2 - x1, y2 - y1
        side = math.hypot(right, down)
        right, down = right / side, down / side
        along, across = zip(*((x * right + y * down, y * right - x * down) for x, y in points), strict=True)
        length, breadth = max(along) - min(along), max(across) - min(across)
        if best is None or length * breadth < best[0] * (1 - 1e-9):
            middle, aside = (max(along) + min(along)) / 2, (max(across) + min(across)) / 2
            center = middle * right - aside * down, middle * down + aside * right
            angle = math.atan2(down, right) + (0 if length >= breadth else math.pi / 2)
            found = Rectangle(*center, max(length, breadth), min(length, breadth), _half_turn(angle))
            best = length * breadth, found
    if best is None:
        raise ValueError(f"{tuple(corners)} enclose no area")
    return best[1]


def turn(x: float, y: float, width: float, height: float, angle: float) -> Corners:
    """Return the corners of a rectangle.

    Args:
        x: that of its centre.
        y: that of its centre.
        width: its side along x before it is turned.
        height: its other side.
        angle: by how much it is turned about its centre, in radians, clockwise as seen.
    """
    cos, sin = math.cos(angle) / 2, math.sin(angle) / 2
    around = ((-width, -height), (width, -height), (width, height), (-width, height))
    return _flatten([(x + right * cos - down * sin, y + right * sin + down * cos) for right, down in around])


def _half_turn(angle: float) -> float:
    turned = (angle + math.pi / 2) % math.pi - math.pi / 2
    # A tiny negative angle plus pi is pi in floating point.
    return turned if turned < math.pi / 2 else -math.pi / 2


def _from_top(points: list[Point]) -> list[Point]:
    start = min(range(len(points)), key=lambda place: points[place][::-1])
    return points[start:] + points[:start]


def _flatten(points: Sequence[Point]) -> Corners:
    (x1, y1), (x2, y2), (x3, y3), (x4, y4) = points
    return x1, y1, x2, y2, x3, y3, x4, y4


def _turn(first: Point, second: Point, third: Point) -> float:
    return (second[0] - first[0]) * (third[1] - second[1]) - (second[1] - first[1]) * (third[0] - second[0])
