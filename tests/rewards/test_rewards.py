"""Rewards: from 0 to 1, 1 for the gold and 0 for nonsense, rising with every better box."""

import subprocess
import sys
from itertools import pairwise

import pytest
from built_fixture import sample_build
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support import ROOT, mostly_slow, write_boxes

from builders.core.schema import IN_ALL
from builders.data.open_data import open_data
from builders.notation.formats import FORMAT_NAMES, INPUT_PIXELS, InputSize, get_format
from builders.notation.render import render_text
from builders.rewards.reward import mean_iou, reward, reward_batch
from builders.rewards.trl_reward import sarchat_reward
from builders.rewards.verl_reward import compute_score
from sarchat_metric import box_iou, match_boxes

NONSENSE = ("", "I do not know.", "<think>{<1><1><9><9>} ship", "{<9><9><1>", "\x00" * 50)
coordinate = st.integers(0, 400)


@st.composite
def boxes(draw):
    left, top = draw(coordinate), draw(coordinate)
    return left, top, left + draw(st.integers(1, 200)), top + draw(st.integers(1, 200))


def write(*several):
    return write_boxes(several)


def records(split="test"):
    data = open_data(str(sample_build()))
    return [row for task in IN_ALL for row in data.rows(task, split)]


def test_gold_earns_1_and_nonsense_0():
    for record in records():
        assert reward(record["messages"][1]["content"], record) == 1
        for answer in NONSENSE:
            assert reward(answer, record) == 0, (record["task"], answer)


@pytest.mark.parametrize("task", ["counting", "grounding", "referring"])
@settings(deadline=None)
@given(predicted=boxes(), gold=boxes(), share=st.integers(0, 1000).map(lambda share: share / 1000))
def test_a_box_that_moves_towards_the_gold_never_earns_less(task, predicted, gold, share):
    phrase = {
        "counting": "There is 1 instance. {box}",
        "grounding": "There is a ship in the top left {box}.",
        "referring": "{box} (top left)",
    }[task]
    reference = {"task": task, "answer": phrase.replace("{box}", write(gold))}
    nearer = tuple(one + share * (other - one) for one, other in zip(predicted, gold, strict=True))
    # Corners that move straight to the gold's can lose overlap for a while; then the box is not a better one.
    assume(box_iou([nearer], [gold])[0, 0] >= box_iou([predicted], [gold])[0, 0])
    before, after = (reward(phrase.replace("{box}", write(box)), reference) for box in (predicted, nearer))
    assert 0 <= before <= after + 1e-12 <= 1 + 1e-9


@settings(deadline=None)
@given(st.lists(boxes(), max_size=4), st.lists(boxes(), min_size=1, max_size=4), st.data())
def test_raising_any_iou_never_lowers_the_mean(predicted, gold, data):
    """On the matrix of IoUs itself: with one pair made equal, all others stay, so the mean cannot fall."""
    labelled = [(None, box) for box in predicted], [(None, box) for box in gold]
    before = mean_iou(*labelled)
    total = sum(value for _, _, value in match_boxes(predicted, gold, 1e-9))
    assert 0 <= before <= 1
    # The metric's largest matching is one of the matchings among which the mean takes the best.
    assert before >= total / max(len(predicted), len(gold)) - 1e-9
    if predicted:
        index = data.draw(st.integers(0, len(predicted) - 1))
        alone = [
            target for target in gold if all(box_iou([target], [other])[0, 0] == 0 for other in gold if other != target)
        ]
        for target in alone:
            if not box_iou([predicted[index]], [other for other in gold if other != target] or [(0, 0, 0, 0)]).any():
                better = [*labelled[0]]
                better[index] = (None, target)
                assert mean_iou(better, labelled[1]) >= before - 1e-12


def test_every_step_of_a_single_box_counts():
    reference = {"task": "referring", "answer": "{<100><100><200><200>} (middle center)"}
    rewards = [reward(write((100 + shift, 100, 200 + shift, 200)), reference) for shift in range(100, -1, -5)]
    assert rewards[0] == 0 and rewards[-1] == 1
    assert all(before < after for before, after in pairwise(rewards))


def test_boxes_to_hit_by_chance_do_not_pay():
    reference = {"task": "referring", "answer": "{<100><100><200><200>} (middle center)"}
    one = write((110, 100, 200, 200))
    many = "".join(write((x, y, x + 100, y + 100)) for x in range(0, 400, 50) for y in range(0, 400, 50))
    assert reward(one + many, reference) < reward(one, reference) / 10


@pytest.mark.parametrize(
    "name",
    mostly_slow(FORMAT_NAMES, "sarchat", "qwen2.5-vl", "gemini", "paligemma", "cogvlm", "llava-1.5", "json-1000"),
)
def test_gold_in_another_notation_earns_about_1(name):
    fmt = get_format(name)
    size = InputSize(640, 480) if fmt.unit == INPUT_PIXELS else None
    for record in records():
        width, height = record["width"], record["height"]
        answer = render_text(record["messages"][1]["content"], fmt, width, height, size)
        notation = {"box_format": name, "width": width, "height": height, "input_width": 640, "input_height": 480}
        if size is None:
            del notation["input_width"], notation["input_height"]
        # A hundredth of an image's side is all that some formats write, many pixels of a small box.
        assert reward(answer, {**record, **notation}) >= (0.9 if fmt.divisor != 100 else 0.3), answer


def test_adapters_give_the_reward():
    chosen = records()[::7]
    answers = [record["messages"][1]["content"] for record in chosen]
    for completions in (answers, [answer[: len(answer) // 2] for answer in answers]):
        expected = [reward(text, record) for text, record in zip(completions, chosen, strict=True)]
        columns = {"task": [record["task"] for record in chosen], "solution": answers, "id": ["x"] * len(chosen)}
        assert reward_batch(completions, columns) == expected
        conversations = [[{"role": "assistant", "content": text}] for text in completions]
        assert sarchat_reward(conversations, prompts=[""] * len(chosen), **columns) == expected
        assert sarchat_reward(completions, **columns) == expected
        assert expected == [
            compute_score("sarchat", text, gold, {"task": record["task"], "num_turns": None})
            for text, gold, record in zip(completions, answers, chosen, strict=True)
        ]


def test_what_lacks_is_named():
    with pytest.raises(ValueError, match="no column 'solution' for the reward, only id, task"):
        reward_batch(["x"], {"task": ["counting"], "id": ["y"]})
    with pytest.raises(ValueError, match="need the image's width and height"):
        reward("x", {"task": "referring", "answer": write((1, 1, 2, 2)), "box_format": "qwen3-vl"})
    with pytest.raises(ValueError, match="no boxes can be read from the gold"):
        reward("x", {"task": "referring", "answer": "nothing"})


@pytest.mark.slow
def test_rewards_need_no_torch():
    code = (
        "import sys\n"
        "from builders.rewards.trl_reward import sarchat_reward\n"
        "from builders.rewards.verl_reward import compute_score\n"
        "score = compute_score('sarchat', 'a ship', 'There is a ship.', {'task': 'classification'})\n"
        "print(score, 'torch' in sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "1.0 False\n"
