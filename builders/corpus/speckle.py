"""Synthetic SAR images: grounds, the echoes of targets, and the speckle over both.

An image is a map of backscattered power in squared grey levels; its root is what is displayed. The radar looks from
the left: near edges are bright, and shadows fall to the right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

Shape = tuple[int, int]
# x and y in pixels.
Spot = tuple[float, float]
Rng = np.random.Generator
Window = tuple[slice, slice]

SEA, RIVER, TARMAC, LAND = 22, 11, 12, (22, 50)
LOOKS = 1.7  # Before neighbours are averaged; three to four after it.
# Grey levels are rounded from floats, whose last bits differ between processors.
NOISE_FLOOR = 5


@dataclass(frozen=True)
class Place:
    """A possible place of a target: its centre in pixels and the angle of its long axis in radians."""

    x: float
    y: float
    angle: float


@dataclass(frozen=True)
class Echo:
    """The contribution of one target to an image.

    Attributes:
        mask: the pixels of the target itself.
        body: power of its surface, used inside the mask.
        points: power of its point scatterers, before the antenna spreads them.
        factor: the factor on the power around it: a shadow, a wake.
    """

    mask: np.ndarray
    body: np.ndarray
    points: np.ndarray
    factor: np.ndarray


@dataclass(frozen=True)
class Ground:
    """An image without its targets, and the possible places of each category, best first."""

    power: np.ndarray
    points: np.ndarray
    places: Mapping[str, list[Place]]


def detect(ground: Ground, echoes: list[Echo], rng: Rng) -> np.ndarray:
    """Return the image of a ground with targets: 8-bit amplitudes with speckle and saturated highlights."""
    power, points = ground.power, ground.points
    for echo in echoes:
        power = power * echo.factor
    for echo in echoes:
        box = bounding_box(echo.mask)
        body = echo.body[box] * _clumps(power.shape, rng, box)
        power[box] = np.where(echo.mask[box], body, power[box])
        points = points + echo.points
    power = ndimage.gaussian_filter(power, 0.7)
    grain = rng.standard_gamma(LOOKS, power.shape) / LOOKS
    speckle = ndimage.gaussian_filter(grain, 0.5)
    seen = power * speckle + _spread(points) * np.sqrt(speckle) + NOISE_FLOOR**2
    return np.clip(np.rint(np.sqrt(seen)), 0, 255).astype(np.uint8)


def bounding_box(mask: np.ndarray) -> Window:
    """Return the rows and columns that hold all pixels of a mask, of which there is at least one."""
    box: Window = ndimage.find_objects(mask.astype(np.uint8))[0]
    return box


def _spread(points: np.ndarray) -> np.ndarray:
    """Return the antenna's response to points: a bright core with a cross of sidelobes along range and azimuth."""
    offsets = np.arange(-24, 25)
    response = np.sinc(offsets / 1.45) ** 2 * np.hanning(51)[1:-1]
    return ndimage.convolve1d(ndimage.convolve1d(points, response, axis=0), response, axis=1)


def _axes(shape: Shape, place: Place) -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates of all pixels along and across a place's axis."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    cosine, sine = np.cos(place.angle), np.sin(place.angle)
    return (x - place.x) * cosine + (y - place.y) * sine, (y - place.y) * cosine - (x - place.x) * sine


def _at(place: Place, along: float, across: float, turn: float = 0.0) -> Place:
    cosine, sine = np.cos(place.angle), np.sin(place.angle)
    x, y = place.x + along * cosine - across * sine, place.y + along * sine + across * cosine
    return Place(x, y, place.angle + turn)


def _points(shape: Shape, place: Place, along: np.ndarray, across: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return a map of point scatterers, given in a place's coordinates with their grey levels."""
    cosine, sine = np.cos(place.angle), np.sin(place.angle)
    rows = np.rint(place.y + along * sine + across * cosine).astype(int)
    columns = np.rint(place.x + along * cosine - across * sine).astype(int)
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    field = np.zeros(shape)
    np.add.at(field, (rows[inside], columns[inside]), np.broadcast_to(levels, rows.shape)[inside] ** 2)
    return field


def _shadow(mask: np.ndarray, length: float) -> np.ndarray:
    """Return factors that darken the pixels behind a mask, seen from the left."""
    reach = max(1, round(length))
    # The filter reaches to both sides; the part before the first pixel of a row's mask is removed again.
    covered = ndimage.maximum_filter1d(mask, 2 * reach + 1, axis=1)
    behind = covered & (np.cumsum(mask, axis=1) > 0)
    return np.where(behind, 0.08, 1.0)


# Targets. Each is a function of the image's shape, a place and the target's length in pixels.


def ship(shape: Shape, place: Place, length: float, rng: Rng) -> Echo:
    """A hull with a few strong scatterers on its axis, and a wake behind it."""
    along, across = _axes(shape, place)
    half, beam = length / 2, max(1.5, length * rng.uniform(0.08, 0.13))
    mask = (np.abs(along) <= half) & (np.abs(across) <= beam * (1 - np.abs(along / half) ** 5))
    count = max(5, round(length / 3))
    spots = rng.uniform(-0.9, 0.9, count) * half
    points = _points(shape, place, spots, rng.normal(0, 0.3, count) * beam, rng.gamma(1.5, 110 + length, count))
    aft, levels = np.array([-0.7, -0.62, -0.55]) * half, rng.uniform(350, 1200, 3)
    bridge = _points(shape, place, aft, rng.normal(0, 0.3, 3) * beam, levels)
    astern = -along - half
    wake = (np.abs(np.abs(across) - 0.16 * astern) < 1.5) & (astern > 0)
    trough = (np.abs(across) < 1.5) & (astern > 0)
    fading = np.exp(-np.clip(astern, 0, None) / (1.6 * length)) * rng.uniform(0.3, 1.6)
    return Echo(mask, np.where(mask, 85.0**2, 0), points + bridge, 1 + fading * (1.5 * wake - 0.5 * trough))


def aircraft(shape: Shape, place: Place, length: float, rng: Rng) -> Echo:
    """Fuselage, swept wings and tail, visible more as a cross of scatterers than as a body."""
    along, across = _axes(shape, place)
    side = np.abs(across)
    fuselage = (np.abs(along) <= length / 2) & (side <= max(1.2, 0.045 * length))
    wings = (side <= 0.46 * length) & (np.abs(along - 0.08 * length + 0.5 * side) <= max(1.2, 0.06 * length))
    tail = (side <= 0.17 * length) & (np.abs(along + 0.42 * length + 0.5 * side) <= max(1.0, 0.035 * length))
    mask = fuselage | wings | tail
    spots = np.array(
        [
            *((0.47, 0.0), (0.3, 0.0), (0.05, 0.05), (0.05, -0.05), (-0.2, 0.0), (-0.44, 0.0)),
            *((0.0, 0.17), (0.0, -0.17), (-0.06, 0.3), (-0.06, -0.3), (-0.15, 0.44), (-0.15, -0.44)),
            *((-0.48, 0.14), (-0.48, -0.14)),
        ]
    )
    spots = (spots + rng.normal(0, 0.008, spots.shape)) * length
    spots = np.repeat(spots, 2 + int(length / 50), axis=0)
    spots += rng.normal(0, 0.018, spots.shape) * length
    levels = rng.gamma(1.2, 190.0 + length / 2, len(spots))
    points = _points(shape, place, spots[:, 0], spots[:, 1], levels)
    patchy = 10 + 70 * _patches(shape, rng, max(1.5, 0.06 * length))
    return Echo(mask, np.where(mask, patchy**2, 0), points, _shadow(mask, 0.1 * length))


def car(shape: Shape, place: Place, length: float, rng: Rng) -> Echo:
    """A small bright block with a radar shadow."""
    along, across = _axes(shape, place)
    mask = np.abs(2 * along / length) ** 4 + np.abs(2 * across / (0.5 * length)) ** 4 <= 1
    near = rng.uniform(-0.3, 0.3, 3) * length
    points = _points(shape, place, near, rng.uniform(-0.15, 0.15, 3) * length, rng.uniform(90, 260, 3))
    shade = 60 + 90 * _patches(shape, rng, max(1.0, 0.12 * length))
    return Echo(mask, np.where(mask, shade**2, 0), points, _shadow(mask, 0.55 * length))


def tank(shape: Shape, place: Place, length: float, rng: Rng) -> Echo:
    """A storage tank: the near wall and the roof's near rim are two bright crescents, the far side is in shadow."""
    along, across = _axes(shape, Place(place.x, place.y, 0.0))
    radius, distance = length / 2, np.hypot(along, across)
    mask = distance <= radius
    width = max(1.0, 0.07 * radius)
    facing = np.clip(-along / np.maximum(distance, 1), 0, 1)
    wall = 200 * facing * np.exp(-(((distance - 0.93 * radius) / width) ** 2))
    inner = np.hypot(along + 0.12 * radius, across)
    roof = 120 * np.clip(-along / np.maximum(inner, 1), 0, 1) * np.exp(-(((inner - 0.62 * radius) / width) ** 2))
    rim = 60 * np.exp(-(((distance - 0.95 * radius) / width) ** 2))
    spots = np.array([-0.95, -0.6, 0.55]) * radius
    points = _points(shape, Place(place.x, place.y, 0.0), spots, np.zeros(3), rng.uniform(130, 380, 3))
    return Echo(mask, np.where(mask, (24 + wall + roof + rim) ** 2, 0), points, _shadow(mask, 0.5 * radius))


def bridge(shape: Shape, place: Place, length: float, rng: Rng) -> Echo:
    """A deck with a line of double bounce along one edge, a fainter one along the other, and piers."""
    along, across = _axes(shape, place)
    half, width = length / 2, max(2.0, 0.035 * length)
    mask = (np.abs(along) <= half) & (np.abs(across) <= width)
    spots = np.arange(-half + 1, half, 2.2)
    gaps = rng.random(len(spots)) < 0.85
    strong = _points(shape, place, spots, np.full(len(spots), width - 1), gaps * rng.gamma(4, 45, len(spots)))
    faint = _points(shape, place, spots, np.full(len(spots), 1 - width), gaps * rng.uniform(40, 110, len(spots)))
    piers = np.linspace(-0.9, 0.9, 7) * half
    bright = _points(shape, place, piers, np.full(7, width - 1), rng.uniform(220, 700, 7))
    # The echo that bounces off the water returns later: a faint second bridge beside the first.
    ghost = np.where((np.abs(along) <= 0.6 * half) & (np.abs(across - 2.2 * width) <= 1), 4.0, 1.0)
    return Echo(mask, np.where(mask, 62.0**2, 0), strong + faint + bright, ghost)


def harbor(shape: Shape, place: Place, length: float, rng: Rng) -> Echo:
    """A quay with three jetties out into the water, with bright edges and cranes."""
    along, across = _axes(shape, place)
    quay = (np.abs(along) <= length / 2) & (across >= 0) & (across <= 0.13 * length)
    mask = quay
    for middle in (-0.4, 0.0, 0.4):
        reach = length * rng.uniform(0.3, 0.45)
        mask = mask | ((np.abs(along - middle * length) <= 0.05 * length) & (across <= 0) & (across >= -reach))
    edge = mask & ~ndimage.binary_erosion(mask, iterations=2)
    near = edge & ~np.roll(mask, 3, axis=1)
    rows, columns = np.nonzero(mask)
    cranes = rng.choice(len(rows), max(8, round(length / 5)))
    points = np.zeros(shape)
    points[rows[cranes], columns[cranes]] = rng.gamma(1.5, 170, len(cranes)) ** 2
    body = np.where(near, 210.0, np.where(edge, 110.0, 52.0)) ** 2
    return Echo(mask, np.where(mask, body, 0), points, _shadow(mask, 2.0))


TARGETS: Mapping[str, Callable[[Shape, Place, float, Rng], Echo]] = {
    draw.__name__: draw for draw in (ship, aircraft, car, tank, bridge, harbor)
}


# Grounds. Each is a function of the image's shape, the place of its middle, and the length of each category's targets.


def sea(shape: Shape, spot: Spot, lengths: Mapping[str, float], rng: Rng) -> Ground:
    """Open water with swell."""
    places = [Place(place.x, place.y, rng.uniform(0, 2 * np.pi)) for place in _scattered(shape, rng)]
    return Ground(_water(shape, SEA, rng), np.zeros(shape), {"ship": places})


def airport(shape: Shape, spot: Spot, lengths: Mapping[str, float], rng: Rng) -> Ground:
    """Grass, a runway, an apron with two rows of aircraft stands, a car park, and buildings behind."""
    middle, size = Place(*spot, rng.uniform(-0.35, 0.35)), min(shape)
    along, across = (axis / size for axis in _axes(shape, middle))
    apron = (np.abs(across - 0.08) < 0.26) & (np.abs(along) < 0.62)
    runway = np.abs(across + 0.36) < 0.05
    taxiway = (np.abs(along + 0.2) < 0.025) & (np.abs(across + 0.2) < 0.2)
    level = np.where(apron | runway | taxiway, TARMAC, _fields(shape, rng, (24, 36)))
    lights = np.abs(np.abs(across + 0.36) - 0.056) < 0.005
    level = np.where(lights, 150 * _patches(shape, rng, 2) ** 2, level)
    buildings = _buildings(shape, _at(middle, 0, 0.44 * size), (0.55 * size, 0.07 * size), rng)
    stands = [
        _at(middle, step * 1.25 * lengths.get("aircraft", size), row, turn + rng.normal(0, 0.06))
        for step in (0, -1, 1, -2, 2, -3, 3)
        for row, turn in ((rng.normal(0.0, 0.01) * size, np.pi / 2), (rng.normal(0.23, 0.01) * size, -np.pi / 2))
    ]
    lot = _at(middle, -0.25 * size, -0.12 * size)
    return Ground(
        level**2.0,
        buildings,
        {"aircraft": stands, "car": _rows(lot, lengths.get("car", 0), (0.16 * size, 0.06 * size), rng)},
    )


def river(shape: Shape, spot: Spot, lengths: Mapping[str, float], rng: Rng) -> Ground:
    """Dark water between fields and houses, narrower than its bridges are long."""
    middle, size = Place(*spot, rng.uniform(0.3, 1.2)), min(shape)
    along, across = _axes(shape, middle)
    half = 0.4 * lengths["bridge"]
    bank = half * (1 + 0.06 * np.sin(along / (0.13 * size))) - np.abs(
        across - 0.03 * size * np.sin(along / (0.2 * size))
    )
    water = np.where(bank > 0, RIVER, _fields(shape, rng, LAND))
    level = np.where(np.abs(bank) < 2, 110 * _patches(shape, rng, 3), water)
    houses = [
        _buildings(shape, _at(middle, step * size, side * (half + 0.16 * size)), (0.14 * size, 0.09 * size), rng)
        for step, side in ((-0.32, 1), (0.3, 1), (0.1, -1))
    ]
    spans = [_at(middle, step * size, 0, np.pi / 2) for step in (0.0, 0.28, -0.3)]
    mooring = [
        _at(middle, step * size, side * half, rng.normal(0, 0.2)) for step in (0.14, -0.16, 0.4) for side in (0.3, -0.3)
    ]
    return Ground(level**2.0, sum(houses, np.zeros(shape)), {"bridge": spans, "ship": mooring})


def port(shape: Shape, spot: Spot, lengths: Mapping[str, float], rng: Rng) -> Ground:
    """Water with a quay towards land, and a tank farm behind it."""
    size = min(shape)
    middle = Place(*spot, rng.uniform(-0.18, 0.18))
    length = lengths.get("harbor", size)
    # So that a harbor, most of which is in the water, has the spot in its middle.
    shore = _at(middle, 0, 0.16 * length)
    _, across = _axes(shape, shore)
    level = np.where(across > 0, _fields(shape, rng, LAND), np.sqrt(_water(shape, SEA, rng)))
    level = np.where(np.abs(across) < 1.5, 200 * _patches(shape, rng, 3) ** 2, level)
    houses = _buildings(shape, _at(shore, 0, 0.3 * size), (0.6 * size, 0.05 * size), rng)
    berths = [_at(shore, step * 1.15 * length, 0) for step in ((0,) if length > 0.45 * size else (-0.5, 0.5))]
    farm = _rows(_at(shore, 0, 0.16 * size), lengths.get("tank", 0), (0.42 * size, 0.08 * size), rng)
    free = [place for place in _scattered(shape, rng) if across[round(place.y), round(place.x)] < -0.1 * size]
    ships = [Place(place.x, place.y, middle.angle + rng.normal(0, 0.5)) for place in free]
    return Ground(level**2.0, houses, {"harbor": berths, "tank": farm, "ship": ships})


def depot(shape: Shape, spot: Spot, lengths: Mapping[str, float], rng: Rng) -> Ground:
    """Tarmac with cars or tanks in rows, surrounded by fields and buildings."""
    middle, size = Place(*spot, rng.uniform(-0.3, 0.3)), min(shape)
    along, across = (axis / size for axis in _axes(shape, middle))
    yard = (np.abs(along) < 0.43) & (np.abs(across) < 0.4)
    fence = (np.abs(np.maximum(np.abs(along) - 0.03, np.abs(across)) - 0.4) < 0.006) & (np.abs(across) < 0.406)
    lane = (np.abs(along + 0.1) < 0.03) & (across > 0.4)
    level = np.where(yard | lane, TARMAC + 3, _fields(shape, rng, LAND))
    level = np.where(fence, 150 * _patches(shape, rng, 3) ** 2, level)
    houses = _buildings(shape, _at(middle, 0, -0.47 * size), (0.5 * size, 0.04 * size), rng)
    places = {
        category: _rows(_at(middle, offset * size, 0), length, (0.4 * size, 0.29 * size), rng)
        for category, length, offset in zip(lengths, lengths.values(), (0.0, 0.25), strict=False)
    }
    return Ground(level**2.0, houses, places)


GROUNDS: Mapping[str, Callable[[Shape, Spot, Mapping[str, float], Rng], Ground]] = {
    lay.__name__: lay for lay in (sea, airport, river, port, depot)
}


def _patches(shape: Shape, rng: Rng, size: float, window: Window = (slice(None), slice(None))) -> np.ndarray:
    """Return a window of a smooth random field between 0 and 1, with features of about `size` pixels."""
    coarse = (round(shape[0] / size) + 3, round(shape[1] / size) + 3)
    rows, columns = (np.arange(length)[part] / size for length, part in zip(shape, window, strict=True))
    knots = rng.random(coarse)
    top, left = rows.astype(int), columns.astype(int)
    down, right = (rows - top)[:, None], columns - left
    # Along the knots' few rows first, then between them.
    lines = knots[:, left] * (1 - right) + knots[:, left + 1] * right
    return lines[top] * (1 - down) + lines[top + 1] * down


def _clumps(shape: Shape, rng: Rng, window: Window) -> np.ndarray:
    """Return the uneven brightness of man-made objects, about 1 on average: mostly dim, with small bright spots."""
    return 7 * (0.6 * _patches(shape, rng, 2.3, window) + 0.4 * _patches(shape, rng, 7, window)) ** 3


def _water(shape: Shape, level: float, rng: Rng) -> np.ndarray:
    along, _ = _axes(shape, Place(0, 0, rng.uniform(0, np.pi)))
    swell = 0.12 * np.sin(along / rng.uniform(2.5, 4.0) + 4 * _patches(shape, rng, 60))
    return (level * rng.uniform(0.7, 1.2)) ** 2 * (1 + swell) * (0.7 + 0.6 * _patches(shape, rng, 130))


def _fields(shape: Shape, rng: Rng, levels: tuple[int, int]) -> np.ndarray:
    """Return the grey levels of a patchwork: each pixel belongs to the nearest of some random spots."""
    spots = rng.random((14, 2)) * shape
    y, x = np.ogrid[: shape[0], : shape[1]]
    nearest, level = np.full(shape, np.inf), np.zeros(shape)
    for (row, column), of_spot in zip(spots, rng.uniform(*levels, len(spots)), strict=True):
        distance = np.abs(y - row) + np.abs(x - column)
        level[distance < nearest] = of_spot
        np.minimum(nearest, distance, out=nearest)
    trees = 75 * (_patches(shape, rng, 25) > 0.72) * _patches(shape, rng, 2.5)
    return level * (0.7 + 0.6 * _patches(shape, rng, 9)) + trees


def _buildings(shape: Shape, place: Place, extent: tuple[float, float], rng: Rng) -> np.ndarray:
    """Return strong point echoes along walls, all of one orientation."""
    walls = []
    for _ in range(max(6, round(extent[0] * extent[1] / 70))):
        beads = np.arange(0, rng.uniform(6, 30), 2.5)
        wall = np.stack([beads, np.zeros(len(beads))])[:: rng.choice([1, -1])]
        corner = rng.uniform(-1, 1, (2, 1)) * np.reshape(extent, (2, 1))
        levels = rng.gamma(1.6, rng.uniform(40, 110), len(beads))
        walls.append(np.vstack([corner + wall, levels]))
    along, across, levels = np.hstack(walls)
    return _points(shape, place, along, across, levels)


def _scattered(shape: Shape, rng: Rng) -> list[Place]:
    """Return places all over an image, no two close to each other, in random order."""
    steps = [(row, column) for row in range(4) for column in range(4)]
    jitter = rng.uniform(0.25, 0.75, (len(steps), 2))
    spots = (np.array(steps) + jitter) / 4 * shape
    return [Place(x, y, 0.0) for y, x in rng.permutation(spots)]


def _rows(lot: Place, length: float, reach: tuple[float, float], rng: Rng) -> list[Place]:
    """Return places in parking rows around a place, with gaps, the nearest to it first."""

    def offsets(reach: float, pitch: float) -> Iterator[float]:
        count = int(reach / pitch)
        return (step * pitch for step in range(-count, count + 1))

    if not length:
        return []
    spots = [
        (along, across) for across in offsets(reach[1], 1.35 * length) for along in offsets(reach[0], 1.45 * length)
    ]
    kept = [spot for spot in spots if rng.random() < 0.8 or spot == (0, 0)]
    return [_at(lot, *spot, rng.normal(0, 0.04)) for spot in sorted(kept, key=lambda spot: np.hypot(*spot))]
