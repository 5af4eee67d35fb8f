"""The file of answers and the sidecar that says how they were made: safe against a kill, and resumable."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from builders.errors import SARChatError
from builders.folder.atomic import holding_lock
from builders.folder.writing import writing_whole
from builders.resources import load_json

# What a run may change without making other answers: it is kept in the sidecar, as lists of all that was seen.
SEEN = ("base_urls", "server_models")


class AnswersFile:
    """An open file of answers, one JSON object per line.

    Attributes:
        path: the file.
        answered: the ids of the records that it had answers for when it was opened.
    """

    def __init__(self, path: Path, meta: dict[str, Any], answered: frozenset[str]) -> None:
        """Open the file for appending; see `open_answers`."""
        self.path = path
        self.answered = answered
        self._meta = meta
        # Unbuffered, and each line in one call: a kill between two calls leaves whole lines.
        self._stream = path.open("ab", buffering=0)

    def append(self, answer: Mapping[str, Any]) -> None:
        """Write one answer; it is in the file when this returns.

        Raises:
            SARChatError: if writing failed; the disk may be full.
        """
        line = (json.dumps(answer, ensure_ascii=False) + "\n").encode("utf-8")
        try:
            while line:
                line = line[self._stream.write(line) :]
        except OSError as error:
            raise SARChatError(
                f"cannot write to {self.path}: {error.strerror}; make room and run the same command again"
            ) from error

    @property
    def server_models(self) -> list[str]:
        """The model's names that the server gave."""
        return list(self._meta["server_models"])

    def note(self, key: str, value: str) -> None:
        """Add a value to one of the sidecar's lists of what was seen, if it is new."""
        if value not in self._meta[key]:
            self._meta[key].append(value)
            _write_meta(self.path, self._meta)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def meta_path(path: Path) -> Path:
    """Return the path of the sidecar file: `answers.jsonl.meta.json` for `answers.jsonl`."""
    return path.with_name(f"{path.name}.meta.json")


@contextmanager
def open_answers(path: Path, settings: Mapping[str, Any]) -> Iterator[AnswersFile]:
    """Open a file of answers to resume it, or create it; no other process can open it meanwhile.

    An incomplete last line, left by a kill or a full disk, is removed. The sidecar is written before the
    first answer, so that no answer exists without it.

    Args:
        path: the file.
        settings: what the answers depend on: model, options, data. Nested dicts of JSON values.

    Raises:
        SARChatError: if the file has answers made with other settings or is not from this command, another process has
            it open, or the folder does not exist.
    """
    if not path.parent.is_dir():
        raise SARChatError(f"cannot write {path}: the folder {path.parent} does not exist; create it first")
    if path.is_dir():
        raise SARChatError(f"{path} is a folder; choose a file with --out")
    with holding_lock(path), closing(_open(path, settings)) as answers:
        yield answers


def _open(path: Path, settings: Mapping[str, Any]) -> AnswersFile:
    answered: frozenset[str] = frozenset()
    meta = {**settings, **{key: [] for key in SEEN}}
    if path.exists() and path.stat().st_size:
        found = _read_meta(path)
        _check_settings(path, found, settings)
        meta |= {key: found.get(key, []) for key in SEEN}
        answered = _recover(path)
    _write_meta(path, meta)
    return AnswersFile(path, meta, answered)


def _read_meta(path: Path) -> dict[str, Any]:
    sidecar = meta_path(path)
    try:
        meta = load_json(sidecar.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SARChatError(
            f"{path} is not empty, but {sidecar.name}, which says how it was made, does not exist; choose another --out"
        ) from error
    except ValueError as error:
        raise SARChatError(f"{sidecar} cannot be read: {error}; choose another --out") from error
    if not isinstance(meta, dict) or not all(isinstance(meta.get(key, []), list) for key in SEEN):
        raise SARChatError(f"{sidecar} was not written by `sarchat predict`; choose another --out")
    return meta


def _check_settings(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Check that every setting is unchanged, so that answers are not mixed."""
    before, now = _flatten(found), _flatten(wanted)
    for key, value in now.items():
        if key not in before or before[key] != value:
            was = json.dumps(before.get(key), ensure_ascii=False)
            raise SARChatError(
                f"{path} has answers made with {key} {was}, not {json.dumps(value, ensure_ascii=False)}; "
                "choose another --out, or repeat the earlier settings"
            )


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _write_meta(path: Path, meta: Mapping[str, Any]) -> None:
    with writing_whole(meta_path(path)) as stream:
        stream.write(json.dumps(meta, ensure_ascii=False, indent=1) + "\n")


def _recover(path: Path) -> frozenset[str]:
    """Return the ids that have an answer, and remove an incomplete last line."""
    answered = set()
    with path.open("r+b") as stream:
        end = 0
        for number, line in enumerate(stream, 1):
            if not line.endswith(b"\n"):
                stream.truncate(end)
                break
            end += len(line)
            answered.add(_read_id(line, f"{path}, line {number}"))
    return frozenset(answered)


def _read_id(line: bytes, place: str) -> str:
    try:
        entry = load_json(line)
        record_id = entry["id"]
        if isinstance(record_id, str) and isinstance(entry["prediction"], str):
            return record_id
    except (ValueError, TypeError, KeyError):
        pass
    raise SARChatError(f"{place} is not an answer of `sarchat predict`; remove the line, or choose another --out")
