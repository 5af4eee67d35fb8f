from pathlib import Path

import numpy as np
import pytest
from built_fixture import sample_build
from PIL import Image

matplotlib = pytest.importorskip("matplotlib")

from matplotlib.font_manager import FontProperties  # noqa: E402
from matplotlib.textpath import TextToPath  # noqa: E402

from builders.corpus.info import DEFAULT, known_corpus  # noqa: E402
from builders.data.analysis.targets import count_targets, read_targets  # noqa: E402
from builders.data.reader import open_build  # noqa: E402
from builders.drawing.answers import Marked, estimate_width  # noqa: E402
from builders.drawing.figures import charts, style  # noqa: E402
from builders.drawing.figures.record import draw_panels, draw_scene, place_boxes  # noqa: E402
from builders.drawing.figures.text import measure, wrap  # noqa: E402
from builders.tasks.geometry import CELLS, cell  # noqa: E402

CATEGORIES = known_corpus(DEFAULT).names
NAMES = ["categories", "examples", "positions", "records", "shapes", "words"]


def read_picture(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


@pytest.mark.slow
def test_every_picture_is_there():
    assert sorted(path.stem for path in (sample_build(pictures=True) / "pictures").iterdir()) == NAMES


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_pictures_fit_a_page_and_are_not_blank(name):
    pixels = read_picture(sample_build(pictures=True) / "pictures" / f"{name}.png")
    height, width = pixels.shape[:2]
    assert 1200 <= width <= 2100 and 300 <= height <= 2400
    page = np.array([int(style.PAGE[place : place + 2], 16) for place in (1, 3, 5)])
    drawn = (np.abs(pixels - page).sum(axis=2) > 60).mean()
    assert drawn > 0.03
    # Nothing is cut off at the rim: it is the page's own colour all around.
    for rim in (pixels[:4], pixels[-4:], pixels[:, :4], pixels[:, -4:]):
        assert np.abs(rim - page).max() == 0


@pytest.mark.slow
def test_pictures_contain_no_time_and_no_name_of_software():
    for path in (sample_build(pictures=True) / "pictures").iterdir():
        with Image.open(path) as picture:
            assert set(picture.info) <= {"dpi"}


@pytest.mark.slow
def test_description_alone_has_no_picture_of_targets():
    folder = sample_build(("description",), pictures=True)
    assert sorted(path.stem for path in (folder / "pictures").iterdir()) == ["examples", "records", "words"]


def test_a_user_s_own_settings_change_nothing(tmp_path):
    def draw(path: Path) -> bytes:
        with style.styled():
            style.save(charts.draw_bars({"train": {"ship": 3, "car": 1}}, "boxes"), path)
        return path.read_bytes()

    plain = draw(tmp_path / "plain.png")
    with matplotlib.rc_context({"font.size": 30, "figure.facecolor": "red", "savefig.dpi": 20}):
        assert draw(tmp_path / "own.png") == plain
        assert matplotlib.rcParams["font.size"] == 30


def test_long_figures_of_bars_stay_inside():
    counts = {
        "train": {"classification": 94493, "identification": 1423548},
        "test": {"classification": 11613, "identification": 175565},
    }
    with style.styled():
        figure = charts.draw_bars(counts, "records")
        renderer = figure.canvas.get_renderer()
        for axes in figure.axes:
            right = axes.get_window_extent(renderer).x1
            assert all(text.get_window_extent(renderer).x1 <= right + 1 for text in axes.texts)


def test_every_word_has_a_bar_as_long_as_its_number_and_all_stay_inside():
    frequencies = [("identification", 1_423_548), *((f"word{number}", 1000 - number) for number in range(24))]
    with style.styled():
        figure = charts.draw_words(frequencies, "train: 1,434,000 words in 900,000 messages")
        renderer = figure.canvas.get_renderer()
    drawn = []
    for axes in figure.axes:
        names = [label.get_text() for label in axes.get_yticklabels()]
        drawn += zip(names, (int(bar.get_width()) for bar in axes.patches), strict=True)
        right = axes.get_window_extent(renderer).x1
        assert all(text.get_window_extent(renderer).x1 <= right + 1 for text in axes.texts)
        assert all(label.get_window_extent(renderer).x0 >= 0 for label in axes.get_yticklabels())
    assert drawn == frequencies


def test_centres_are_counted_in_the_cells_that_answers_name():
    targets = read_targets(open_build(sample_build()), "train")
    counts = count_targets(targets, CATEGORIES)
    named = [
        cell((x, y, x + w, y + h), *size)
        for (x, y, w, h), size in zip(targets.bbox.tolist(), targets.image_size.tolist(), strict=True)
    ]
    grid = sum(counts.grid(category, 3) for category in range(len(CATEGORIES)))
    assert grid.ravel().tolist() == [named.count(name) for name in CELLS]
    assert sum(counts.boxes().values()) == len(named)


def test_shares_of_each_category_add_up():
    targets = read_targets(open_build(sample_build()), "train")
    with style.styled():
        figure = charts.draw_shares(count_targets(targets, CATEGORIES))
    for axes in figure.axes:
        ends = {}
        for bar in axes.patches:
            ends[bar.get_y()] = ends.get(bar.get_y(), 0) + bar.get_width()
        assert len(ends) == 6 and all(abs(end - 1) < 1e-9 for end in ends.values())


@pytest.mark.parametrize(
    "text",
    [
        "Where are the ships? " * 20,
        "{<1><2><3><4>}" * 40,
        "x" * 500,
        "a\n\nb",
        "",
        "{ not a box } and <b> {<1><2>",
        "$\\frac{1}{2}$ {{{",
    ],
)
def test_wrapping_keeps_the_text_and_the_width(text):
    lines = wrap(text, 200, 11)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(measure(line, 11) <= 200 for line in lines)
    cut = wrap(text, 200, 11, 3)
    assert len(cut) <= 3 and all(measure(line, 11) <= 200 for line in cut)
    assert cut == lines if len(lines) <= 3 else cut[-1].endswith("…")


def test_a_box_is_not_broken_where_it_fits():
    lines = wrap("There are 3. " + "{<100><200><300><400>}" * 3 + " (top left)", 200, 11)
    assert sum(line.count("{<100><200><300><400>}") for line in lines) == 3


def test_labels_fill_the_places_that_were_found_for_them():
    """What is drawn is as wide and as high as what was measured, so that it covers no box either."""
    marked = [
        Marked("gold", (100.0, 100.0, 150.0, 140.0), "1 aircraft (reference)", "1"),
        Marked("read", (0.0, 0.0, 256.0, 256.0), "IoU 0.12", "a"),
        Marked("gold", (200.0, 10.0, 255.0, 30.0), "jgpqy|", "2"),
    ]
    size = 9.0
    record = open_build(sample_build()).record("grounding", "test", 2)
    assert (record["width"], record["height"]) == (256, 256)
    composed = place_boxes(record, marked, 4, size)
    with style.styled():
        figure = style.new_figure(4, 4)
        colors = {"gold": style.GOLD, "read": style.PREDICTED}
        draw_scene(figure, record, composed, colors, size, (0, 0))
        (axes,) = figure.axes
        renderer = figure.canvas.get_renderer()
        drawn = [text.get_window_extent(renderer).transformed(axes.transData.inverted()) for text in axes.texts]
    assert [text.get_text() for text in axes.texts] == [label.text for label in composed.labels]
    for extent, label in zip(drawn, composed.labels, strict=True):
        x1, y1, x2, y2 = label.place
        # Within a pixel of the picture.
        assert x1 - 0.5 <= extent.x0 and extent.x1 <= x2 + 0.5
        assert y1 - 0.5 <= min(extent.y0, extent.y1) and max(extent.y0, extent.y1) <= y2 + 0.5


def test_no_letter_is_wider_than_browsers_are_expected_to_draw_it():
    """DejaVu Sans Bold is one of the widest fonts that a browser may take for its own."""
    font = FontProperties(family="DejaVu Sans", weight="bold", size=100)
    for sign in map(chr, range(32, 127)):
        width, _, _ = TextToPath().get_text_width_height_descent(sign, font, ismath=False)
        assert width <= 100 * estimate_width(sign) <= 2.5 * width, sign


def test_a_panel_says_what_its_marks_mean():
    records = {}
    record = open_build(sample_build()).record("identification", "test", 4)
    box = [0.0, 0.0, float(record["width"]), float(record["height"])]
    records["identification"] = record | {"objects": {"bbox": [box, box], "category": [0, 1]}}
    with style.styled():
        figure = draw_panels(records, CATEGORIES)
    written = " ".join(text.get_text() for text in figure.texts)
    assert "1: ship (target); 2: aircraft (reference)" in written
