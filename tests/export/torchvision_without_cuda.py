"""Lets a CPU build of torch import the torchvision of PyPI, whose compiled operators need CUDA's libraries.

`environments.sh` puts it into an environment where `import torchvision` fails. Resizing, all that is used of it, is
plain torch; the operators that are declared here are never called.
"""

import importlib.abc
import sys


class _BeforeTorchvision(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch

            self.library = torch.library.Library("torchvision", "DEF")
            for operator in ("nms", "qnms"):
                self.library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


# Kept: a library that is collected takes its operators with it.
finder = _BeforeTorchvision()
sys.meta_path.insert(0, finder)
