"""Corners of oriented boxes: their canonical form and rectangle, against shapely, and what becomes of targets."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from builders.core import polygons
from builders.corpus.corpus import find_corpus, locate
from builders.corpus.info import parse_info
from builders.corpus.targets import CUT, CUT_LESS, KEPT, MADE_CONVEX, RawBox, clean

WHOLE = st.integers(-60, 160)
QUADS = st.tuples(*[WHOLE] * 8).map(lambda numbers: tuple(map(float, numbers)))
INDEX = st.integers(0, 3)


def turned(cx, cy, w, h, degrees):
    """Return the corners of a rectangle that is turned clockwise."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    around = [(-w / 2, -h / 2), (w / 2, -h / 2), (w / 2, h / 2), (-w / 2, h / 2)]
    return tuple(number for x, y in around for number in (cx + x * cos - y * sin, cy + x * sin + y * cos))


def raw(corners, category=0, **marks):
    x1, y1, x2, y2 = polygons.bounds(polygons.to_points(corners))
    return RawBox(category, (x1, y1, x2 - x1, y2 - y1), False, corners, **marks)


def cleaned(*boxes, **options):
    tally = Counter()
    return clean(boxes, 100, 80, tally, oriented=options.pop("oriented", True), **options), tally


@given(QUADS, INDEX, st.booleans())
def test_the_canonical_form_does_not_depend_on_start_and_direction(quad, start, backward):
    points = polygons.to_points(quad)
    other = points[start:] + points[:start]
    other = other[::-1] if backward else other
    found = polygons.canonical(quad)
    assert polygons.canonical(tuple(number for point in other for number in point)) == found
    assume(found)
    corners, replaced = found
    assert polygons.canonical(corners) == (corners, False)
    assert polygons.area(polygons.to_points(corners)) > 0
    assert corners[1] == min(corners[1::2])
    assert corners[0] == min(x for x, y in polygons.to_points(corners) if y == corners[1])
    # As annotated, unless that is no convex quadrilateral.
    assert replaced or sorted(polygons.to_points(corners)) == sorted(points)


def test_clockwise_is_as_seen_on_the_screen():
    assert polygons.canonical((10, 5, 0, 5, 0, 0, 10, 0)) == ((0, 0, 10, 0, 10, 5, 0, 5), False)
    # A bow tie, an arrowhead, a line.
    assert polygons.canonical((0, 0, 10, 5, 10, 0, 0, 5)) == ((0, 0, 10, 0, 10, 5, 0, 5), True)
    assert polygons.canonical((0, 0, 10, 5, 0, 10, 3, 5)) == ((0, 0, 10, 5, 0, 10, 0, 10), True)
    assert polygons.canonical((0, 0, 1, 1, 2, 2, 3, 3)) is None


@given(st.floats(2, 200), st.floats(1.001, 20), st.floats(-89.9, 89.9))
def test_a_rectangle_is_found_again(breadth, ratio, degrees):
    found = polygons.rectangle(turned(30, 40, breadth * ratio, breadth, degrees))
    assert found[:4] == pytest.approx((30, 40, breadth * ratio, breadth))
    assert abs(math.remainder(found.angle - math.radians(degrees), math.pi)) < 1e-5
    assert -math.pi / 2 <= found.angle < math.pi / 2


@pytest.mark.slow
def test_the_geometry_is_that_of_shapely():
    shapely = pytest.importorskip("shapely")
    numbers = random.Random(0)
    image = shapely.box(0, 0, 100, 80)
    for _ in range(20_000):
        quad = tuple(numbers.uniform(-40, 140) for _ in range(8))
        corners, replaced = polygons.canonical(quad)
        points = polygons.to_points(corners)
        expected = shapely.MultiPoint(polygons.to_points(quad)).convex_hull
        plain = shapely.Polygon(polygons.to_points(quad))
        assert replaced != (plain.is_valid and plain.area >= expected.area * (1 - 1e-12))
        assert shapely.Polygon(points).symmetric_difference(expected).area < 1e-9
        assert polygons.area(points) == pytest.approx(expected.area, rel=1e-12)
        inside = polygons.clip(points, 100, 80)
        assert polygons.area(inside) == pytest.approx(expected.intersection(image).area, abs=1e-9)
        found = polygons.rectangle(corners)
        assert found.length * found.breadth == pytest.approx(expected.minimum_rotated_rectangle.area)
        own = shapely.Polygon(polygons.to_points(turned(*found[:4], math.degrees(found.angle))))
        assert own.buffer(1e-6).contains(expected)


def test_a_target_that_the_edge_cuts_is_kept_as_annotated_or_left_out():
    # Of 10 pixels, 3 are outside.
    kept, tally = cleaned(raw((-3, 10, 7, 10, 7, 20, -3, 20)))
    assert kept[0].corners == (-3, 10, 7, 10, 7, 20, -3, 20) and kept[0].box == (0, 10, 7, 20) and not kept[0].whole
    assert tally[KEPT] == tally[CUT_LESS] == 1
    kept, tally = cleaned(raw((-3.1, 10, 6.9, 10, 6.9, 20, -3.1, 20)))
    assert not kept and tally[CUT] == 1 and not tally[KEPT]
    # The upright box is that of the part inside, not what is inside of the whole one's.
    diamond = (0.0, -5.0, 20.0, 15.0, 0.0, 35.0, -20.0, 15.0)
    assert not cleaned(raw(diamond))[0]
    ((target,), _) = cleaned(raw(tuple(number + (1 - place % 2) * 12 for place, number in enumerate(diamond))))
    assert target.box == (0, 0, 32, 35)
    ((target,), _) = cleaned(raw((-4.0, 20.0, 16.0, 20.0, 16.0, 30.0, 0.0, 30.0)))
    assert target.box == (0, 20, 16, 30)


def test_upright_targets_are_the_same_ones_without_corners():
    boxes = [raw(turned(50, 40, 30, 8, angle), category) for category, angle in enumerate((0, 20, 45, 110))]
    boxes += [raw(turned(2, 2, 30, 8, 45)), raw(turned(96, 40, 20, 8, 10)), RawBox(1, (90, 10, 20, 20), False)]
    oriented, _ = cleaned(*boxes)
    upright, tally = cleaned(*boxes, oriented=False)
    assert upright == tuple(target._replace(corners=None) for target in oriented)
    # A box without corners is clipped, and has those of its part inside.
    assert oriented[-1].corners == (90, 10, 100, 10, 100, 30, 90, 30)
    assert tally[KEPT] == 6 and tally[CUT_LESS] == 1


def test_crossing_corners_are_counted_and_made_convex():
    ((target,), tally) = cleaned(raw((10.0, 10.0, 30.0, 20.0, 30.0, 10.0, 10.0, 20.0)))
    assert target.corners == (10, 10, 30, 10, 30, 20, 10, 20) and tally[MADE_CONVEX] == 1
    assert cleaned(raw((10.0, 10.0, 20.0, 20.0, 30.0, 30.0, 40.0, 40.0)))[1]["no width or height"] == 1


def test_difficult_boxes_are_kept_or_dropped_or_their_images_left_out():
    boxes = [raw(turned(50, 40, 30, 8, 0)), raw(turned(50, 40, 30, 8, 9), difficult=True)]
    assert len(cleaned(*boxes)[0]) == 2
    kept, tally = cleaned(*boxes, difficult="drop")
    assert len(kept) == 1 and tally["difficult"] == 1
    kept, tally = cleaned(*boxes, difficult="ignore")
    assert not kept and tally == {"in an image with a difficult box": 2}


def contrast(pixels, center, sides, angle):
    """Return how different a rectangle is from the three pixels around it, in standard deviations."""
    masks = []
    for grown in (0, 6):
        mask = Image.new("L", (4 * pixels.shape[1], 4 * pixels.shape[0]))
        corners = polygons.turn(*center, sides[0] + grown, sides[1] + grown, angle)
        ImageDraw.Draw(mask).polygon([(4 * x, 4 * y) for x, y in polygons.to_points(corners)], fill=255)
        masks.append(np.asarray(mask.resize(pixels.shape[::-1], Image.Resampling.BOX), float) / 255)
    inside, ring = masks[0], np.clip(masks[1] - masks[0], 0, 1)
    means = [np.average(pixels, weights=mask) for mask in (inside, ring)]
    spread = sum(
        np.average((pixels - mean) ** 2, weights=mask) for mean, mask in zip(means, (inside, ring), strict=True)
    )
    return abs(means[0] - means[1]) / spread**0.5


@pytest.mark.slow
def test_the_angles_of_rolabelimg_are_clockwise_by_the_pixels_of_hit_uav(real_labels):
    """Of elongated cars that are turned; a few fit better the other way, whatever the sign."""
    found = Counter()
    for direction in ("clockwise", "counter-clockwise"):
        info = parse_info(
            {
                "name": "HIT-UAV",
                "format": "voc",
                "boxes": "oriented",
                "options": {"angle_unit": "radians", "angle_direction": direction},
                "splits": {
                    "validation": {
                        "labels": "Annotations",
                        "images": "JPEGImages",
                        "listed": "ImageSets/Main/val.txt",
                    }
                },
                "categories": ["Person", "Car", "Bicycle", "OtherVehicle", {"name": "DontCare", "ignore": True}],
            },
            "hit-uav",
        )
        folder = real_labels / "hit_uav/rotate_xml"
        corpus = find_corpus(locate(folder, info=info, boxes="oriented"))
        with corpus.annotations("validation") as annotations:
            images = list(annotations.images())
        for image in images:
            pixels = np.asarray(Image.open(folder / "JPEGImages" / image.file_name).convert("L"), float)
            for target in image.targets:
                x, y, length, breadth, angle = polygons.rectangle(target.corners)
                off_axis = math.pi / 4 - abs(math.pi / 4 - abs(angle))
                if info.names[target.category] == "car" and length > 1.3 * breadth and off_axis > math.radians(3):
                    fits = [contrast(pixels, (x, y), (length, breadth), sign * angle) for sign in (1, -1)]
                    found[direction, fits[0] > fits[1]] += 1
    right, wrong = found["clockwise", True], found["clockwise", False]
    assert right + wrong > 50 and right > 0.85 * (right + wrong)
    assert found["counter-clockwise", False] == right


def test_corners_of_dota_are_clockwise_convex_and_in_the_image(real_labels):
    folder = real_labels / "dota_devkit/labelTxt"
    quads = []
    for file in sorted(folder.glob("*.txt")):
        for line in file.read_text().splitlines():
            fields = line.split()
            if len(fields) == 10:
                quads.append(tuple(map(float, fields[:8])))
    assert len(quads) == 984
    found = [polygons.canonical(quad) for quad in quads]
    assert not any(replaced for _, replaced in found)
    # Clockwise as annotated: the canonical form only chooses the first corner.
    assert all(
        corners in [quad[at:] + quad[:at] for at in (0, 2, 4, 6)]
        for quad, (corners, _) in zip(quads, found, strict=True)
    )
