"""The table of export formats."""

from __future__ import annotations

from builders.export import harnesses, llama_factory, llava, ms_swift, trl, verl

_TRAINERS = (ms_swift, llama_factory, trl, llava, verl)
_HARNESSES = (harnesses.LMMS_EVAL, harnesses.VLMEVALKIT, harnesses.EVALSCOPE)
FORMATS = {fmt.name: fmt for fmt in (*(module.FORMAT for module in _TRAINERS), *_HARNESSES)}
