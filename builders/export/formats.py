"""The table of export formats."""

from __future__ import annotations

from builders.export import llama_factory, llava, ms_swift, trl, verl

FORMATS = {
    module.FORMAT.name: module.FORMAT
    for module in (
        ms_swift,
        llama_factory,
        trl,
        llava,
        verl,
    )
}
