"""The file of answers and the sidecar that says how they were made: safe against a kill, and resumable."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from builders.core.atomic import holding_lock
from builders.core.checksums import hash_text
from builders.core.errors import SARChatError
from builders.core.resources import load_json
from builders.core.writing import writing_whole
from builders.scoring.sidecar import SEEN, meta_path, read_sidecar

# A server may give any number of names.
_MOST_SEEN = 20
_CHECKSUM = "checksum"


class AnswersFile:
    """An open file of answers, one JSON object per line.

    Attributes:
        path: the file.
        images: the records that it had answers for when it was opened: by their ids the hash of the image that was
            sent, or an empty text if the file does not have it.
    """

    def __init__(self, path: Path, meta: dict[str, Any], images: dict[str, str]) -> None:
        """Open the file for appending; see `open_answers`."""
        self.path = path
        self.images = images
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
        return list(self._meta.get("server_models", []))

    def note(self, key: str, value: str) -> None:
        """Add a value to one of the sidecar's lists of what was seen, if it is new and the list is not long."""
        seen = self._meta.setdefault(key, [])
        if value not in seen and len(seen) < _MOST_SEEN:
            was_edited = not _is_unedited(self._meta)
            seen.append(value)
            _write_meta(self.path, self._meta, was_edited)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


@contextmanager
def open_answers(path: Path, settings: Mapping[str, Any]) -> Iterator[AnswersFile]:
    """Open a file of answers to resume it, or create it; no other process can open it meanwhile.

    An incomplete last line, left by a kill or a full disk, is removed. The sidecar is written before the first answer,
    so that no answer exists without it; one that is there is replaced only if this command wrote it, nobody edited it,
    and there is no answer.

    Args:
        path: the file.
        settings: what the answers depend on: model, options, data. Nested dicts of JSON values.

    Raises:
        SARChatError: if the file has answers made with other settings, or two with one id; if it or its sidecar is not
            from this command, another process has it open, or the folder does not exist.
    """
    _check_text(settings)
    if not path.parent.is_dir():
        raise SARChatError(f"cannot write {path}: the folder {path.parent} does not exist; create it first")
    if path.is_dir():
        raise SARChatError(f"{path} is a folder; choose a file with --out")
    with holding_lock(path), closing(_open(path, settings)) as answers:
        yield answers


def _open(path: Path, settings: Mapping[str, Any]) -> AnswersFile:
    found = read_sidecar(path)
    if path.exists() and path.stat().st_size:
        if found is None:
            raise SARChatError(
                f"{path} is not empty, but {meta_path(path).name}, which says how it was made, does not exist; "
                "choose another --out"
            )
        _check_settings(path, found, settings)
        return AnswersFile(path, found, _recover(path))
    if found is not None and not _is_unedited(found):
        raise SARChatError(
            f"{meta_path(path)} has no answers beside it, and somebody edited it or another version wrote it; move it "
            "away, or choose another --out"
        )
    meta = {**settings, **{key: [] for key in SEEN}}
    _write_meta(path, meta)
    return AnswersFile(path, meta, {})


def _check_text(settings: Mapping[str, Any]) -> None:
    try:
        json.dumps(settings, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise SARChatError(
            f"an option contains a character that is not UTF-8: {error.object[error.start : error.end]!a}; "
            "type it again"
        ) from error


def _check_settings(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Check that every setting is unchanged, so that answers are not mixed."""
    before, now = _flatten(found), _flatten(wanted)
    for key, value in now.items():
        # An option that older versions did not have is as if it was off.
        if before.get(key) != value and (key in before or value is not False):
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


def _write_meta(path: Path, meta: dict[str, Any], was_edited: bool = False) -> None:
    """Write a sidecar with its checksum; an edited one keeps the old checksum, so that the edit stays detectable."""
    if not was_edited:
        meta[_CHECKSUM] = _sum_up(meta)
    with writing_whole(meta_path(path)) as stream:
        stream.write(json.dumps(meta, ensure_ascii=False, indent=1) + "\n")


def _is_unedited(meta: Mapping[str, Any]) -> bool:
    return meta.get(_CHECKSUM) == _sum_up(meta)


def _sum_up(meta: Mapping[str, Any]) -> str:
    return hash_text(json.dumps({key: value for key, value in meta.items() if key != _CHECKSUM}, sort_keys=True))


def _recover(path: Path) -> dict[str, str]:
    """Return the ids that have an answer with the hashes of their images, and remove an incomplete last line."""
    answered: dict[str, str] = {}
    with path.open("r+b") as stream:
        end = 0
        for number, line in enumerate(stream, 1):
            if not line.endswith(b"\n"):
                stream.truncate(end)
                break
            end += len(line)
            record_id, image = _read_line(line, f"{path}, line {number}")
            if record_id in answered:
                raise SARChatError(
                    f"{path}, line {number}: id {record_id!r} has an answer in an earlier line; keep one"
                )
            answered[record_id] = image
    return answered


def _read_line(line: bytes, place: str) -> tuple[str, str]:
    try:
        entry = load_json(line)
        record_id, image = entry["id"], entry.get("image", "")
        if isinstance(record_id, str) and isinstance(entry["prediction"], str) and isinstance(image, str):
            # Records of one image share the text.
            return record_id, sys.intern(image)
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    raise SARChatError(f"{place} is not an answer of `sarchat predict`; remove the line, or choose another --out")
