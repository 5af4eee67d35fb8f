"""The folder layouts of COCO data sets: SARDet-100K's own, COCO's and Roboflow's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from builders.core.resources import read_yaml
from builders.core.schema import SPLITS


@dataclass(frozen=True)
class Layout:
    """A layout; `{split}` in a path stands for the split's name.

    Attributes:
        name: the data set or program that has it.
        annotations: the path of a split's annotation file.
        images: the paths that may be the folder of a split's images, in the order in which they are tried.
        names: the names of splits that differ from SARDet-100K's.
    """

    name: str
    annotations: str
    images: Sequence[str]
    names: Mapping[str, str] = field(default_factory=dict)

    def annotation_file(self, split: str) -> str:
        """Return the path of a split's annotation file."""
        return self.annotations.format(split=self._name(split))

    def image_folders(self, split: str) -> list[str]:
        """Return the paths that may be the folder of a split's images."""
        return [folder.format(split=self._name(split)) for folder in self.images]

    def describe(self) -> str:
        """Return the path of the annotation files with the names of all splits, as the shell would write it."""
        return self.annotations.format(split="{" + ",".join(map(self._name, SPLITS)) + "}")

    def _name(self, split: str) -> str:
        return self.names.get(split, SPLITS[split])


def known_layouts() -> list[Layout]:
    """Return the layouts in the order in which they are tried."""
    return [Layout(**entry) for entry in read_yaml("corpus/layouts.yaml")]
