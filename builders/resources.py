"""The texts and data of the cards, which lie in the package `dataset_card`."""

from __future__ import annotations

from importlib.resources import files


def read_resource(name: str) -> str:
    """Read `dataset_card/NAME`."""
    return files("dataset_card").joinpath(name).read_text(encoding="utf-8")
