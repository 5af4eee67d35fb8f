"""A table gives back boxes exactly as they were added."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from builders.corpus.annotation_table import AnnotationTable
from builders.corpus.categories import Naming
from builders.corpus.info import DEFAULT, known_corpus
from builders.corpus.targets import RawBox

NUMBERS = st.floats(allow_nan=False)
BOXES = st.builds(
    RawBox,
    st.integers(0, 1),
    st.tuples(*[NUMBERS] * 4),
    st.booleans(),
    st.none() | st.tuples(*[NUMBERS] * 8),
    st.booleans(),
)


@settings(deadline=None)
@given(st.lists(BOXES, min_size=1, max_size=6))
def test_a_table_gives_what_was_added(boxes):
    with AnnotationTable() as table:
        table.begin_part("a.json")
        table.add_image(7, "7.png", 30, 20)
        for number, box in enumerate(boxes):
            table.add_box(7, number, box)
        table.set_categories(dict(enumerate(known_corpus(DEFAULT).names)))
        ((*image, found),) = table.images_in_order(Naming(known_corpus(DEFAULT)))
    # The sign of a zero too.
    assert image == [7, "7.png", 30, 20] and repr(found) == repr(boxes)
