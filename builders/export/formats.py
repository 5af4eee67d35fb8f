"""The table of export formats."""

from __future__ import annotations

from builders.export import evalscope, llama_factory, llava, lmms_eval, ms_swift, trl, verl, vlmevalkit

_MODULES = (ms_swift, llama_factory, trl, llava, verl, lmms_eval, vlmevalkit, evalscope)
FORMATS = {module.FORMAT.name: module.FORMAT for module in _MODULES}
