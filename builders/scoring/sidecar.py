"""The sidecar of a file of answers, `answers.jsonl.meta.json`: how `sarchat predict` asked for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from builders.core.errors import SARChatError
from builders.core.resources import load_json

# The options that scoring depends on, with the types of their values.
_ASKED: dict[str, tuple[type, ...]] = {
    "config": (str,),
    "split": (str,),
    "limit": (int, type(None)),
    "box_format": (str,),
    "input_size": (str, type(None)),
    "resize": (str, type(None)),
}
# Settings that do not affect answers: the sidecar lists the first values that were seen.
SEEN = ("base_urls", "server_models")
# What follows the name of a model that did not see the records' own images.
_SHOWN = {"blind": " (blind)", "shuffle_images": " (another image)"}


def meta_path(path: Path) -> Path:
    """Return the path of the sidecar: `answers.jsonl.meta.json` for `answers.jsonl`."""
    return path.with_name(f"{path.name}.meta.json")


def read_sidecar(path: Path) -> dict[str, Any] | None:
    """Return the content of the sidecar of a file of answers; `None` if there is none.

    Raises:
        SARChatError: if it cannot be read, or is not one of `sarchat predict`.
    """
    sidecar = meta_path(path)
    try:
        meta = load_json(sidecar.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SARChatError(
            f"{sidecar} cannot be read: {error}; move it away, with the answers that it belongs to"
        ) from error
    is_ours = isinstance(meta, dict) and all(_is_texts(meta.get(key, [])) for key in SEEN)
    if not is_ours or not isinstance(meta.get("model"), str) or not isinstance(meta.get("options"), dict):
        raise SARChatError(
            f"{sidecar} was not written by `sarchat predict`; move it away, or choose another file for the answers"
        )
    return meta


def read_asked(path: Path) -> dict[str, Any]:
    """Return `model` and the options that scoring shares with asking, by their names; nothing if there is no sidecar.

    Raises:
        SARChatError: as `read_sidecar`, or if an option has no such value.
    """
    meta = read_sidecar(path)
    if meta is None:
        return {}
    options = meta["options"]
    for name, kinds in _ASKED.items():
        if name not in options or type(options[name]) not in kinds or options[name] == 0:
            raise SARChatError(
                f"{meta_path(path)}: its option {name} is {options.get(name)!r:.80}, not one of `sarchat predict`"
            )
    # What a model guesses is not to be taken for what it sees.
    model = meta["model"] + "".join(words for name, words in _SHOWN.items() if options.get(name) is True)
    return {"model": model} | {name: options[name] for name in _ASKED}


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
