"""What a misspelt name may have meant."""

from __future__ import annotations

import pytest

from builders.core.errors import near

NAMES = ["build", "export", "qwen2.5-vl", "qwen3-vl", "referring", "Val.json"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("biuld", "build"),
        ("refering", "referring"),
        ("qwen3vl", "qwen3-vl"),
        ("EXPORT", "export"),
        ("val.json", "Val.json"),
    ],
)
def test_a_near_name_is_named(typed, meant):
    assert near(typed, NAMES) == f" (did you mean {meant!r}?)"
    # In any order of the names.
    assert near(typed, NAMES[::-1]) == near(typed, {*NAMES}) == near(typed, NAMES)


@pytest.mark.parametrize("typed", ["", "windmill", "x"])
def test_a_foreign_name_gets_no_hint(typed):
    assert near(typed, NAMES) == near(typed, []) == ""
