"""Whose images a build has, and under which licence: SARDet-100K's, the sample's, or the user's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from builders.core.resources import read_text
from builders.corpus.info import DEFAULT, CorpusInfo, known_corpus

# The options that state what is unknown.
OPTIONS = {"source": "--source-name", "licence": "--license"}
# What `build.json` says of a source that is not SARDet-100K as it is published. Categories that were left out do not
# count: the images are the same.
_OWN = frozenset({"layout", "renames", "name", "license"})


@dataclass(frozen=True)
class Origin:
    """The origin of a build's images.

    Attributes:
        kind: `sardet`, `sample` or `own`.
        name: the name of the source, if known.
        license: the licence, by the Hub's name, if known.
    """

    kind: str
    name: str | None
    license: str | None

    @property
    def unknown(self) -> list[str]:
        """What is not known of them, keys of `OPTIONS`."""
        return [name for name, value in (("source", self.name), ("licence", self.license)) if value is None]


def find_origin(info: Mapping[str, Any]) -> Origin:
    """Return the origin, given the content of a `build.json`."""
    source, default = info["source"], known_corpus(DEFAULT)
    if source.get("sample"):
        # It contains nothing from SARDet-100K and belongs to the project.
        return Origin("sample", "synthetic", "apache-2.0")
    corpus = info.get("corpus", {})
    if corpus.get("name", default.name) != default.name:
        return Origin("own", source.get("name", corpus["name"]), source.get("license") or corpus.get("license") or None)
    if _OWN & source.keys():
        return Origin("own", source.get("name"), source.get("license"))
    return Origin("sardet", default.name, default.license)


def cite(corpus: CorpusInfo, origin: Origin) -> str:
    """Return the citations of the paper, and of the images' source where it is known."""
    paper, *source = re.split(r"\n(?=@)", read_text("citation.bib").strip())
    return "\n\n".join(map(str.strip, filter(None, [paper, *(source if origin.kind != "own" else [corpus.citation])])))
