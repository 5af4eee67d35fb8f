"""Boxes written as the families publish it, apart from the project's own table and renderer: a plain function each.

A writer takes boxes (x1, y1, x2, y2) in pixels that stand side by side, their label or None, and the image's size.
"""

from __future__ import annotations

import json
import math
import re

from builders.notation.formats import FORMAT_NAMES, INPUT_PIXELS, get_format

INPUT_SIZE = (840, 616)
# The formats in pixels of the resized image, and those whose upright boxes are written as such.
RESIZED = [name for name in FORMAT_NAMES if get_format(name).unit == INPUT_PIXELS]
UPRIGHT = [name for name in FORMAT_NAMES if name not in ("rscovlm", "rscovlm-angle", "lmmrotate")]
_BOX = re.compile(r"\{<(\d+)><(\d+)><(\d+)><(\d+)>\}")


def _shares(box, width, height):
    x1, y1, x2, y2 = box
    return x1 / width, y1 / height, x2 / width, y2 / height


def _times(box, width, height, times):
    return [round(share * times) for share in _shares(box, width, height)]


def _in_square(box, width, height):
    """LLaVA and Shikra paste the image into the middle of a square."""
    side = max(width, height)
    left, top = (side - width) // 2, (side - height) // 2
    x1, y1, x2, y2 = box
    return (x1 + left) / side, (y1 + top) / side, (x2 + left) / side, (y2 + top) / side


def _json(boxes, label, key="bbox_2d"):
    items = [{key: box} | ({"label": label} if label else {}) for box in boxes]
    return "```json\n" + json.dumps(items, indent=1) + "\n```"


def _ref(label, opening="<ref>", closing="</ref>"):
    return f"{opening}{label}{closing}" if label else ""


def qwen_vl(boxes, label, w, h):
    return _ref(label) + "".join("<box>({},{}),({},{})</box>".format(*_times(box, w, h, 999)) for box in boxes)


def qwen2_vl(boxes, label, w, h):
    ref = _ref(label, "<|object_ref_start|>", "<|object_ref_end|>")
    numbers = [_times(box, w, h, 1000) for box in boxes]
    return ref + "".join("<|box_start|>({},{}),({},{})<|box_end|>".format(*box) for box in numbers)


def qwen2_vl_decoded_without_special_tokens(boxes, label, w, h):
    return (label or "") + "".join("({},{}),({},{})".format(*_times(box, w, h, 1000)) for box in boxes)


def qwen2_5_vl(boxes, label, w, h):
    seen_w, seen_h = INPUT_SIZE
    scaled = [(x1 * seen_w / w, y1 * seen_h / h, x2 * seen_w / w, y2 * seen_h / h) for x1, y1, x2, y2 in boxes]
    return _json([[round(value) for value in box] for box in scaled], label)


def qwen3_vl(boxes, label, w, h):
    return _json([_times(box, w, h, 1000) for box in boxes], label)


def internvl(boxes, label, w, h):
    return f"{_ref(label)}<box>{[_times(box, w, h, 1000) for box in boxes]}</box>"


def deepseek_vl2(boxes, label, w, h):
    ref = _ref(label, "<|ref|>", "<|/ref|>")
    return f"{ref}<|det|>{[_times(box, w, h, 999) for box in boxes]}<|/det|>"


def glm_v(boxes, label, w, h):
    return f"{label or ''}<|begin_of_box|>{[_times(box, w, h, 1000) for box in boxes]}<|end_of_box|>"


def minicpm_v(boxes, label, w, h):
    return _ref(label) + "".join("<box>{} {} {} {}</box>".format(*_times(box, w, h, 1000)) for box in boxes)


def kimi_vl(boxes, label, w, h):
    return _json([[round(share, 3) for share in _shares(box, w, h)] for box in boxes], label)


def gemini(boxes, label, w, h):
    return _json([[y1, x1, y2, x2] for x1, y1, x2, y2 in (_times(box, w, h, 1000) for box in boxes)], label, "box_2d")


def paligemma(boxes, label, w, h):
    written = []
    for box in boxes:
        x1, y1, x2, y2 = (min(number, 1023) for number in _times(box, w, h, 1024))
        written.append(f"<loc{y1:04}><loc{x1:04}><loc{y2:04}><loc{x2:04}>" + (f" {label} ;" if label else ""))
    return " ".join(written)


def florence_2(boxes, label, w, h):
    bins = [[min(int(share * 1000), 999) for share in _shares(box, w, h)] for box in boxes]
    return (label or "") + "".join("<loc_{}><loc_{}><loc_{}><loc_{}>".format(*box) for box in bins)


def cogvlm(boxes, label, w, h):
    numbers = [[min(number, 999) for number in _times(box, w, h, 1000)] for box in boxes]
    return f"{label or ''}[[{';'.join(','.join(f'{number:03}' for number in box) for box in numbers)}]]"


def shikra(boxes, label, w, h):
    inside = [",".join(f"{share:.3f}" for share in _in_square(box, w, h)) for box in boxes]
    return f"{label or ''}[{';'.join(inside)}]"


def llava(boxes, label, w, h):
    return (label or "") + ", ".join(str([round(share, 3) for share in _in_square(box, w, h)]) for box in boxes)


def minigpt_v2(boxes, label, w, h):
    paragraph = f"<p>{label}</p> " if label else ""
    return paragraph + "".join("{{<{}><{}><{}><{}>}}".format(*_times(box, w, h, 100)) for box in boxes)


def earthdial(boxes, label, w, h):
    return f"{label or ''}{[[*_times(box, w, h, 100), 0] for box in boxes]}"


def seed(boxes, label, w, h):
    return (label or "") + "".join("<bbox>{} {} {} {}</bbox>".format(*_times(box, w, h, 1000)) for box in boxes)


def json_px(boxes, label, w, h):
    return _json([list(box) for box in boxes], label)


def list_px(boxes, label, w, h):
    return f"{label or ''}{[list(box) for box in boxes]}"


def list_1000(boxes, label, w, h):
    return (label or "") + " ".join(str(_times(box, w, h, 1000)) for box in boxes)


def list_1(boxes, label, w, h):
    return (label or "") + " ".join(str([round(share, 4) for share in _shares(box, w, h)]) for box in boxes)


# For each format its writers, and how far a written corner may be from the true one: by a share of the image's longer
# side (half of the last digit; a whole one where the largest number is below the divisor, so that the edge of the image
# cannot be written, or where bins are cut down and stand for their middle).
WRITERS = {
    "qwen-vl": ([qwen_vl], 0.5 / 999),
    "qwen2-vl": ([qwen2_vl, qwen2_vl_decoded_without_special_tokens], 0.5 / 1000),
    "qwen2.5-vl": ([qwen2_5_vl], 0.5 / 616),
    "qwen3-vl": ([qwen3_vl], 0.5 / 1000),
    "internvl": ([internvl], 0.5 / 1000),
    "deepseek-vl2": ([deepseek_vl2], 0.5 / 999),
    "glm-v": ([glm_v], 0.5 / 1000),
    "minicpm-v": ([minicpm_v], 0.5 / 1000),
    "kimi-vl": ([kimi_vl], 0.5 / 1000),
    "gemini": ([gemini], 0.5 / 1000),
    "paligemma": ([paligemma], 1 / 1024),
    "florence-2": ([florence_2], 0.5 / 1000),
    "cogvlm": ([cogvlm], 1 / 1000),
    "shikra": ([shikra], 0.5 / 1000),
    "llava-1.5": ([llava], 0.5 / 1000),
    "minigpt-v2": ([minigpt_v2], 0.5 / 100),
    "geochat": ([minigpt_v2], 0.5 / 100),
    "earthdial": ([earthdial], 0.5 / 100),
    "seed": ([seed], 0.5 / 1000),
    "json-px": ([json_px], 0),
    "json-1000": ([qwen3_vl], 0.5 / 1000),
    "list-px": ([list_px], 0),
    "list-1000": ([list_1000], 0.5 / 1000),
    "list-1": ([list_1], 0.5 / 10000),
}


def rewrite(text, writer, width, height, label=None):
    """Replace each run of boxes of a SARChat text by what a writer makes of it."""

    def write(match):
        boxes = [tuple(map(int, box)) for box in _BOX.findall(match[0])]
        return writer(boxes, label, width, height)

    return re.sub(rf"(?:{_BOX.pattern.replace('(', '(?:')})+", write, text)


# Oriented boxes: eight numbers, x1, y1 ... x4, y4, clockwise from the topmost corner.
def _eight(corners, w, h, times):
    return [round(value * times / (h if at % 2 else w)) for at, value in enumerate(corners)]


def _eight_shares(corners, w, h, decimals):
    return [round(value / (h if at % 2 else w), decimals) for at, value in enumerate(corners)]


def _eight_in_square(corners, w, h):
    side = max(w, h)
    margins = ((side - w) // 2, (side - h) // 2)
    return [round((value + margins[at % 2]) / side, 3) for at, value in enumerate(corners)]


def _seen(corners, w, h):
    return [value * INPUT_SIZE[at % 2] / (h if at % 2 else w) for at, value in enumerate(corners)]


def _sides(corners):
    """Return the centre, and for each of two neighbouring sides its length and its angle, clockwise in degrees."""
    x1, y1, x2, y2, x3, y3, x4, y4 = corners
    first = (math.hypot(x2 - x1, y2 - y1), math.degrees(math.atan2(y2 - y1, x2 - x1)))
    second = (math.hypot(x3 - x2, y3 - y2), math.degrees(math.atan2(y3 - y2, x3 - x2)))
    return (x1 + x2 + x3 + x4) / 4, (y1 + y2 + y3 + y4) / 4, first, second


def _given_box_and_angle(corners, w, h):
    """The box before it is turned, and the turn, counter-clockwise in degrees; images are square."""
    x, y, (length, angle), (breadth, _) = _sides(corners)
    box = (x - length / 2, y - breadth / 2, x + length / 2, y + breadth / 2)
    return [*(round(value * 100 / w) for value in box), round(-angle) % 180]


def eight_internvl(boxes, label, w, h):
    return f"{_ref(label)}<box>{[_eight(box, w, h, 1000) for box in boxes]}</box>"


def eight_qwen3_vl(boxes, label, w, h):
    return _json([_eight(box, w, h, 1000) for box in boxes], label)


def eight_qwen2_5_vl(boxes, label, w, h):
    return _json([[round(value) for value in _seen(box, w, h)] for box in boxes], label)


def eight_gemini(boxes, label, w, h):
    numbers = [_eight(box, w, h, 1000) for box in boxes]
    return _json([[box[at] for at in (1, 0, 3, 2, 5, 4, 7, 6)] for box in numbers], label, "box_2d")


def eight_deepseek_vl2(boxes, label, w, h):
    return f"{_ref(label, '<|ref|>', '<|/ref|>')}<|det|>{[_eight(box, w, h, 999) for box in boxes]}<|/det|>"


def eight_glm_v(boxes, label, w, h):
    return f"{label or ''}<|begin_of_box|>{[_eight(box, w, h, 1000) for box in boxes]}<|end_of_box|>"


def eight_kimi_vl(boxes, label, w, h):
    return _json([_eight_shares(box, w, h, 3) for box in boxes], label)


def eight_cogvlm(boxes, label, w, h):
    numbers = [[min(max(value, 0), 999) for value in _eight(box, w, h, 1000)] for box in boxes]
    return f"{label or ''}[[{';'.join(','.join(f'{value:03}' for value in box) for box in numbers)}]]"


def eight_shikra(boxes, label, w, h):
    inside = [",".join(f"{value:.3f}" for value in _eight_in_square(box, w, h)) for box in boxes]
    return f"{label or ''}[{';'.join(inside)}]"


def eight_llava(boxes, label, w, h):
    return (label or "") + ", ".join(str(_eight_in_square(box, w, h)) for box in boxes)


def eight_minicpm_v(boxes, label, w, h):
    return _ref(label) + "".join(f"<box>{' '.join(map(str, _eight(box, w, h, 1000)))}</box>" for box in boxes)


def eight_seed(boxes, label, w, h):
    return (label or "") + "".join(f"<bbox>{' '.join(map(str, _eight(box, w, h, 1000)))}</bbox>" for box in boxes)


def _pointed(numbers):
    return "{" + "".join(f"<{number}>" for number in numbers) + "}"


def eight_minigpt_v2(boxes, label, w, h):
    return (label or "") + "".join(_pointed(_eight(box, w, h, 100)) for box in boxes)


def eight_sarchat(boxes, label, w, h):
    return (label or "") + "".join(_pointed(map(round, box)) for box in boxes)


def eight_json_px(boxes, label, w, h):
    return _json([[round(value) for value in box] for box in boxes], label)


def eight_list_px(boxes, label, w, h):
    return (label or "") + " ".join(str([round(value) for value in box]) for box in boxes)


def eight_list_1000(boxes, label, w, h):
    return (label or "") + " ".join(str(_eight(box, w, h, 1000)) for box in boxes)


def eight_list_1(boxes, label, w, h):
    return (label or "") + " ".join(str(_eight_shares(box, w, h, 4)) for box in boxes)


def lmmrotate(boxes, label, w, h):
    bins = [[min(max(math.floor(share * 1000), 0), 999) for share in _eight_shares(box, w, h, 9)] for box in boxes]
    return (label or "") + "".join("".join(f"<loc_{number}>" for number in box) for box in bins)


def rscovlm(boxes, label, w, h):
    return _json([[round(value) for value in _seen(box, w, h)] for box in boxes], label, "quadrant bbox")


def rscovlm_angle(boxes, label, w, h):
    items = []
    for box in boxes:
        x, y, *sides = _sides(_seen(box, w, h))
        (length, angle), (breadth, _) = max(sides), min(sides)
        items.append([round(x), round(y), round(length), round(breadth), (round(angle) + 90) % 180 - 90])
    return _json(items, label, "oriented bbox")


def geochat(boxes, label, w, h):
    written = ["{{<{}><{}><{}><{}>|<{}>}}".format(*_given_box_and_angle(box, w, h)) for box in boxes]
    return (f"<p>{label}</p> " if label else "") + "<delim>".join(written)


def eight_earthdial(boxes, label, w, h):
    return f"{label or ''}{[_given_box_and_angle(box, w, h) for box in boxes]}"


# As `WRITERS`; those with an angle also lose half a degree of it.
ORIENTED_WRITERS = {
    "sarchat": (eight_sarchat, 0),
    "qwen2.5-vl": (eight_qwen2_5_vl, 0.5 / 616),
    "qwen3-vl": (eight_qwen3_vl, 0.5 / 1000),
    "internvl": (eight_internvl, 0.5 / 1000),
    "deepseek-vl2": (eight_deepseek_vl2, 0.5 / 999),
    "glm-v": (eight_glm_v, 0.5 / 1000),
    "minicpm-v": (eight_minicpm_v, 0.5 / 1000),
    "kimi-vl": (eight_kimi_vl, 0.5 / 1000),
    "gemini": (eight_gemini, 0.5 / 1000),
    "cogvlm": (eight_cogvlm, 1 / 1000),
    "shikra": (eight_shikra, 0.5 / 1000),
    "llava-1.5": (eight_llava, 0.5 / 1000),
    "minigpt-v2": (eight_minigpt_v2, 0.5 / 100),
    "geochat": (geochat, 1 / 100),
    "earthdial": (eight_earthdial, 1 / 100),
    "rscovlm": (rscovlm, 0.5 / 616),
    "rscovlm-angle": (rscovlm_angle, 1 / 616),
    "lmmrotate": (lmmrotate, 0.5 / 1000),
    "seed": (eight_seed, 0.5 / 1000),
    "json-px": (eight_json_px, 0),
    "json-1000": (eight_qwen3_vl, 0.5 / 1000),
    "list-px": (eight_list_px, 0),
    "list-1000": (eight_list_1000, 0.5 / 1000),
    "list-1": (eight_list_1, 0.5 / 10000),
}
