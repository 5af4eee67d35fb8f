"""The choice of wordings: it depends on seed, slot and record, and on every digit of the seed."""

import pytest

from builders.corpus.info import DEFAULT, known_corpus
from builders.tasks.templating import Chooser

OPTIONS = range(10)


def choices(seed: int) -> list[int]:
    chooser = Chooser(seed, known_corpus(DEFAULT))
    return [chooser.choose(f"counting/test/{index:07d}/0", "questions", OPTIONS) for index in range(200)]


@pytest.mark.parametrize(
    "seed",
    [0, 7, 10**62, -(10**62), 10**63, 10**200, -(10**200), 10**5000],
    ids=["0", "7", "63 digits", "minus 63 digits", "64 digits", "201 digits", "minus 201 digits", "5001 digits"],
)
def test_seeds_of_any_length_differ_in_every_digit(seed):
    others = [seed + 1, seed - 1, seed * 10 + 3, -seed or 12]
    for other in others:
        same = sum(one == two for one, two in zip(choices(seed), choices(other), strict=True))
        assert same < 60, "about one in ten is the same by chance"


def test_every_option_is_chosen():
    assert set(choices(0)) == set(OPTIONS)
