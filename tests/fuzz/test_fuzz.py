"""Whatever bytes a reader gets, it returns or raises one SARChatError, in time and memory that its length bounds.

`SARCHAT_FUZZ_EXAMPLES=5000` tries that many random inputs per reader; `make fuzz SECONDS=N` runs each for N seconds.
"""

from __future__ import annotations

import os
import time
import tracemalloc

import pytest
from fuzz.inputs import inputs
from fuzz.targets import TARGETS, Target, check
from hypothesis import HealthCheck, Phase, given, settings

_DEEP = int(os.environ.get("SARCHAT_FUZZ_EXAMPLES", 0))
# The quick inputs are the same in every run.
_PROFILE = settings(
    max_examples=_DEEP or 8,
    derandomize=not _DEEP,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink] if _DEEP else [Phase.generate],
    suppress_health_check=list(HealthCheck),
)
_TIMES = 8
# Python objects for JSON take some tens of bytes per byte of text.
_BYTES_PER_BYTE = 100

by_target = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
growing = pytest.mark.parametrize(
    ("target", "opening", "part"),
    [
        pytest.param(target, *texts, id=f"{target.name}: {name}")
        for target in TARGETS.values()
        for name, texts in target.growing.items()
    ],
)


@by_target
def test_any_input_gives_a_result_or_one_error(target: Target):
    @_PROFILE
    @given(inputs(target))
    def read(data: bytes) -> None:
        check(target, data)

    read()


@by_target
def test_well_formed_input_is_accepted(target: Target):
    """Otherwise the inputs above would test the first line of a reader only."""
    assert all(check(target, seed) for seed in target.seeds())


def seconds(target: Target, data: bytes) -> float:
    start = time.process_time()
    check(target, data)
    return time.process_time() - start


@growing
def test_time_grows_with_length_and_not_with_its_square(target: Target, opening: bytes, part: bytes):
    short, long = (opening + part * (size // len(part)) for size in (8_000, 8_000 * _TIMES))
    check(target, short)
    # A quadratic reader takes 8 times as long as this allows for twice. Three tries: other work can only slow one down.
    assert any(seconds(target, long) < 4 * _TIMES * seconds(target, short) + 0.05 for _ in range(3))


@pytest.mark.slow
@growing
def test_memory_is_bounded_by_length(target: Target, opening: bytes, part: bytes):
    data = opening + part * (200_000 // len(part))
    check(target, opening + part)
    tracemalloc.start()
    try:
        check(target, data)
        assert tracemalloc.get_traced_memory()[1] < _BYTES_PER_BYTE * len(data)
    finally:
        tracemalloc.stop()
