"""`--limit N`: the same records whatever the order and the process, a smaller N within a larger one."""

import itertools
import random
import subprocess
import sys
from collections import Counter

import pytest
from support import ROOT

from builders.core.errors import SARChatError
from builders.data.subset import choose_subset

RECORDS = [
    (f"{task}/test/{image:07d}/{number}", task, "single" if image % 3 else "multi")
    for task in ("counting", "referring", "identification")
    for image in range(60)
    for number in range(3)
]
SUB_SCORE = {record_id: (task, scenario) for record_id, task, scenario in RECORDS}


@pytest.mark.parametrize("limit", [1, 7, 40])
def test_each_sub_score_gets_its_share(limit):
    counts = Counter(SUB_SCORE[record_id] for record_id in choose_subset(RECORDS, limit))
    assert counts == dict.fromkeys(SUB_SCORE.values(), limit)


def test_a_sub_score_with_fewer_records_is_taken_whole():
    assert choose_subset(RECORDS, 10_000) == SUB_SCORE.keys()


def test_a_smaller_limit_is_part_of_a_larger_one():
    subsets = [choose_subset(RECORDS, limit) for limit in range(1, 60)]
    assert all(small < large for small, large in itertools.pairwise(subsets))


def test_the_order_of_the_records_does_not_matter():
    for seed in range(20):
        assert choose_subset(random.Random(seed).sample(RECORDS, len(RECORDS)), 9) == choose_subset(RECORDS, 9)


def test_other_records_of_the_sub_score_alone_decide():
    # What other sub-scores hold changes nothing, so a task alone and `all` choose the same.
    counting = [record for record in RECORDS if record[1] == "counting"]
    assert choose_subset(counting, 5) == {one for one in choose_subset(RECORDS, 5) if one.startswith("counting/")}


def test_the_choice_is_fixed_for_ever():
    # Scores of a subset are compared between machines and years. This is what the first version chose.
    code = (
        "from builders.data.subset import choose_subset;"
        "print(sorted(choose_subset(((f'referring/test/{n:07d}/0', 'referring', 'single') for n in range(1000)), 3)))"
    )
    outputs = {
        subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env={"PYTHONHASHSEED": seed}, text=True)
        for seed in ("0", "1", "random")
    }
    assert outputs == {"['referring/test/0000238/0', 'referring/test/0000664/0', 'referring/test/0000755/0']\n"}


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit):
    with pytest.raises(SARChatError, match=f"1 or more, but got {limit}"):
        choose_subset(RECORDS, limit)
