"""The export formats: a module of this folder for each trainer or kind of harness, found by listing it.

A module has `FORMATS`, a list of `Format`. Other packages add theirs as entry points of the group `sarchat.exports`.
"""

from __future__ import annotations

import importlib
import pkgutil

from builders.core.registry import Registry
from builders.export.format import Format

_MODULES = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
_INCLUDED = [fmt for module in _MODULES for fmt in module.FORMATS]
# Trainers first, then harnesses.
FORMATS: Registry[Format] = Registry(
    "export format",
    "sarchat.exports",
    {fmt.name: fmt for fmt in sorted(_INCLUDED, key=lambda fmt: (fmt.evaluates, fmt.name))},
)
