"""Hypothesis strategies of inputs for a target: spoiled documents, mutated seeds, and any bytes."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fuzz.targets import TARGETS, Target
from hypothesis import strategies as st

_PARQUET = "Parquet of a build"
_ODD_TEXTS = (
    *("", " ", "\0", "\ud800", "\x1b[2J", "a\nb", "../../etc/passwd", "/etc/passwd", "/dev/zero", "a" * 5_000),
    *("{<1><2><3><4>}", "<think>", "**", "a**", "[", "C:\\x", "~", "nan", "1e999", "9" * 400, "\u202eabc", "`<b>`"),
)
_ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**30, 1.5, -0.0, float("nan"), float("inf"), 1e308]),
    st.integers(),
    st.floats(),
    st.sampled_from(_ODD_TEXTS),
    st.text(max_size=20),
    st.sampled_from([[], {}, [[]], [None], {"a": None}, [1, 2, 3, 4], ["a"], {"": ""}, [{}]]),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ),
    st.integers(10, 100).map(lambda depth: json.loads("[" * depth + "]" * depth)),
)


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Return any input for a target; most are nearly well-formed, since others are refused at once."""
    kinds = [_mutated(target), st.binary(max_size=200)]
    if _documents(target.name):
        kinds += [_spoiled(target)] * 3
    if target.name == _PARQUET:
        kinds += [_spoiled_tables()] * 3
    return st.one_of(kinds)


@cache
def _seeds(name: str) -> list[bytes]:
    return TARGETS[name].seeds()


@cache
def _documents(name: str) -> list[Any]:
    return TARGETS[name].documents()


@st.composite
def _mutated(draw: st.DrawFn, target: Target) -> bytes:
    """Cut, overwrite, repeat and insert in a seed."""
    data = bytearray(draw(st.sampled_from(_seeds(target.name))))
    parts = st.binary(min_size=1, max_size=8)
    if target.tokens:
        parts = parts | st.sampled_from(target.tokens)
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 12))
        kind = draw(st.integers(0, 4))
        if kind == 0:
            data[place : place + length] = draw(parts)
        elif kind == 1:
            data[place:place] = draw(parts) * draw(st.sampled_from([1, 2, 100]))
        elif kind == 2:
            del data[place:]
        elif kind == 3:
            data[place:place] = data[place : place + 10 * length]
        else:
            data[place : place + 1] = bytes([draw(st.integers(0, 255))])
    return bytes(data)


@st.composite
def _spoiled(draw: st.DrawFn, target: Target) -> bytes:
    """Replace, remove or double up to four values of a good document."""
    document = copy.deepcopy(draw(st.sampled_from(_documents(target.name))))
    for _ in range(draw(st.integers(1, 4))):
        places = list(_places(document))
        if not places:
            break
        holder, key = draw(st.sampled_from(range(len(places))).map(places.__getitem__))
        kind = draw(st.integers(0, 5))
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        elif kind == 2 and isinstance(holder, dict):
            holder[draw(st.sampled_from(_ODD_TEXTS) | st.text(max_size=5))] = holder.pop(key)
        else:
            # A copy: what is sampled is shared, and later changes would reach it.
            holder[key] = copy.deepcopy(draw(_ODD_VALUES))
    return target.dump(document)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the container and key of each value in a document, from the outside in; not in very deep ones."""
    level = [value]
    for _ in range(8):
        inner = []
        for holder in level:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            for key in keys:
                yield holder, key
                if isinstance(holder[key], (dict, list)):
                    inner.append(holder[key])
        level = inner


def _good_table() -> pa.Table:
    return pq.read_table(pa.BufferReader(_seeds(_PARQUET)[0]))


_ODD_COLUMNS = st.sampled_from(
    [
        lambda rows: pa.nulls(rows),
        lambda rows: pa.array([1] * rows),
        lambda rows: pa.array([""] * rows),
        lambda rows: pa.array(["/etc/passwd"] * rows),
        lambda rows: pa.array([None] * rows, pa.string()),
        lambda rows: pa.array([b"\xff\xfe"] * rows, pa.binary()),
        lambda rows: pa.array([[1]] * rows),
        lambda rows: pa.array([[]] * rows, pa.list_(pa.string())),
        lambda rows: pa.array([{"bytes": b"", "path": None}] * rows),
        lambda rows: pa.array([{"bytes": None, "path": "/dev/zero"}] * rows),
        lambda rows: pa.array(
            [{"bytes": None, "path": None}] * rows, pa.struct({"bytes": pa.binary(), "path": pa.string()})
        ),
        lambda rows: pa.array([{"path": "a"}] * rows),
        lambda rows: pa.array([{"role": "user"}] * rows),
        lambda rows: pa.array([[{"role": "user", "content": None}]] * rows),
        lambda rows: pa.array([{"bbox": [[1.0]], "category": [99]}] * rows),
        lambda rows: pa.array([2**40] * rows, pa.timestamp("s")),
        lambda rows: pa.array([float("nan")] * rows),
        lambda rows: pa.array([0] * rows, pa.int64()),
    ]
)


@st.composite
def _spoiled_tables(draw: st.DrawFn) -> bytes:
    """Replace, remove or repeat columns of a good file, or take all its rows away."""
    table = _good_table()
    for _ in range(draw(st.integers(1, 3))):
        if not table.num_columns:
            break
        place = draw(st.integers(0, table.num_columns - 1))
        kind = draw(st.integers(0, 5))
        if kind == 0:
            table = table.remove_column(place)
        elif kind == 1:
            table = table.slice(0, draw(st.integers(0, 1)))
        else:
            table = table.set_column(place, table.schema.names[place], draw(_ODD_COLUMNS)(table.num_rows))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()
