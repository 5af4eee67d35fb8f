"""File names in the card's Markdown: whatever is in them, they stay texts."""

import pytest

from builders.build.card.text import format_code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/b-1.jpg", "`a/b-1.jpg`"),
        ("a`<b>.jpg", "`` a`<b>.jpg ``"),
        ("``a```", "```` ``a``` ````"),
        ("`", "`` ` ``"),
    ],
)
def test_code_spans_hold_backticks(text, expected):
    """The fence is a run of backticks that the text does not have (CommonMark 0.31, section 6.1)."""
    assert format_code(text) == expected
