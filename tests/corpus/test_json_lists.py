"""Reading JSON by entries gives what `json.loads` gives, however the document is cut into pieces."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.corpus import json_lists
from builders.corpus.json_lists import read_lists

TEXTS = st.text(st.sampled_from('ab"\\/ \n\t{}[],:19é\u2028\U0001f6f3\ud800'), max_size=10)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
DOCUMENTS = st.dictionaries(st.sampled_from(["images", "annotations", "info", 'a "quoted" key', "ä"]), VALUES)
KEYS = ("images", "annotations", "categories")


SIZES = st.integers(1, 50)


def read(data: bytes, size: int) -> dict[str, list]:
    found: dict[str, list] = defaultdict(list)
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    keys = read_lists(pieces, {key: found[key].append for key in KEYS})
    return {key: found[key] for key, is_list in keys.items() if is_list}


@given(
    DOCUMENTS,
    SIZES,
    st.sampled_from([None, 1]),
    st.booleans(),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_lists_are_those_of_json(document, size, indent, escaped, encoding):
    data = json.dumps(document, indent=indent, ensure_ascii=escaped).encode(encoding, "surrogatepass")
    expected = {key: value for key, value in json.loads(data).items() if key in KEYS and isinstance(value, list)}
    assert read(data, size) == expected


@given(DOCUMENTS, st.data())
def test_a_document_that_is_spoiled_is_refused_by_both(document, data):
    text = json.dumps({"images": [1, {"a": "b"}], **document})
    place = data.draw(st.integers(0, len(text) - 1))
    spoiled = text[:place] + data.draw(st.sampled_from(["", ",", "]", "}", '"', "[", "x", "1"])) + text[place + 1 :]
    size = data.draw(SIZES)
    try:
        expected = json.loads(spoiled, object_pairs_hook=lambda pairs: pairs)
    except ValueError:
        expected = None
    if expected is None and spoiled.lstrip().startswith("{"):
        with pytest.raises(ValueError):
            read(spoiled.encode(), size)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_error_says_where(size):
    data = b'{"images": [{"id": 1}, {"id" 2}], "annotations": []}'
    with pytest.raises(ValueError, match=f"Expecting ':' delimiter, at character {data.index(b'2')}"):
        read(data, size)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"images": [], "images": []}', "'images' more than once"),
        (b'{"images": []} {}', "nothing may follow"),
        (b'{"images": []', "expected ',' or '}'"),
        (b'{"images": [1,', "Expecting value"),
        (b'{"images": [{}, ], "annotations": [{}]}', "Expecting value"),
        (b'{"images": [1 2]}', "expected ',' or ']'"),
        (b"{images: []}", "double quotes"),
        (b'{"images": [\xff]}', "utf-8"),
    ],
)
@pytest.mark.parametrize("size", [5, 1000])
def test_what_is_not_json(data, told, size):
    with pytest.raises(ValueError, match=told.replace("[", r"\[")):
        read(data, size)


def test_a_value_that_does_not_end_is_not_read_to_the_end(monkeypatch):
    monkeypatch.setattr(json_lists, "_LONGEST_VALUE", 1_000)
    given = iter([b'{"images": ["', *[b"x" * 100] * 1_000])
    with pytest.raises(ValueError, match="more than 1,000 characters"):
        read_lists(given, {})
    assert sum(1 for _ in given) > 900
