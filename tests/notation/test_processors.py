"""The table of models beside the families' own processors, where the installed transformers has them."""

import importlib

import numpy as np
import pytest
from PIL import Image

from builders.notation.formats import read_resize_rule
from builders.notation.models import _FAMILIES

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.slow

# The image processor of each family whose sizes the table has, and the pixels of a patch.
PROCESSORS = {
    "Qwen2-VL": ("Qwen2VLImageProcessor", 14),
    "Qwen2.5-VL": ("Qwen2VLImageProcessor", 14),
    "Qwen3-VL": ("Qwen2VLImageProcessor", 16),
    "Qwen3.5": ("Qwen2VLImageProcessor", 16),
}
SIZES = [(512, 512), (800, 800), (210, 200), (416, 323), (28, 5000), (30, 30), (1333, 77), (97, 1024)]


def processor_of(family):
    """Return the processor with the sizes of the table, which checkpoints keep in their own configuration."""
    name, patch = PROCESSORS[family.name]
    rule = read_resize_rule(family.resize)
    module = importlib.import_module("transformers")
    kind = getattr(module, f"{name}Pil", None) or getattr(module, name)
    size = {"shortest_edge": rule.min_pixels, "longest_edge": rule.max_pixels}
    return kind(size=size, patch_size=patch, merge_size=2, temporal_patch_size=2), patch


def test_every_family_with_sizes_is_compared():
    assert {family.name for family in _FAMILIES if family.resize} == {*PROCESSORS}


@pytest.mark.parametrize("family", [one for one in _FAMILIES if one.resize], ids=lambda family: family.name)
@pytest.mark.parametrize("size", SIZES)
def test_an_image_has_the_size_that_the_families_processor_gives_it(family, size):
    processor, patch = processor_of(family)
    image = Image.fromarray(np.zeros((size[1], size[0], 3), dtype=np.uint8))
    _, rows, columns = processor(images=[image], return_tensors="np")["image_grid_thw"][0]
    assert (columns * patch, rows * patch) == read_resize_rule(family.resize).of(*size)
    # The factor is the patch, twice.
    assert read_resize_rule(family.resize).factor == 2 * patch
