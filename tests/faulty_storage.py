"""A storage for tests, in memory, whose requests can fail before or after they have taken effect."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from typing import NamedTuple

import fsspec
from fsspec.implementations.memory import MemoryFileSystem


class Request(NamedTuple):
    """A request that changes what is stored."""

    number: int
    kind: str
    path: str


class FaultyStorage(MemoryFileSystem):
    """Calls `before` and `after` with each writing request, counted from 0; what they raise is the storage's answer.

    `step` is called before every request, also before those that read.
    """

    protocol = "faulty"
    store: dict = {}  # noqa: RUF012
    pseudo_dirs = [""]  # noqa: RUF012
    requests: list[Request] = []  # noqa: RUF012
    before: Callable[[Request], object] = staticmethod(lambda request: None)
    after: Callable[[Request], object] = staticmethod(lambda request: None)

    step: Callable[[str], object] = staticmethod(lambda request: None)

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("faulty://", "memory://"))

    def _request(self, kind, path, send):
        type(self).step(f"{kind} {path}")
        request = Request(len(self.requests), kind, path)
        self.requests.append(request)
        type(self).before(request)
        send()
        type(self).after(request)

    def put_file(self, lpath, rpath, **kwargs):
        put = super().put_file
        self._request("put", rpath, lambda: put(lpath, rpath, **kwargs))

    def pipe_file(self, path, value, mode="overwrite", **kwargs):
        pipe = super().pipe_file
        self._request(mode, path, lambda: pipe(path, value, mode=mode, **kwargs))

    def find(self, path, maxdepth=None, withdirs=False, detail=False, **kwargs):
        type(self).step(f"find {path}")
        found = super().find(path, maxdepth, withdirs, detail=True, **kwargs)
        return {name: self._with_checksum(entry) for name, entry in found.items()} if detail else [*found]

    def info(self, path, **kwargs):
        type(self).step(f"info {path}")
        return self._with_checksum(super().info(path, **kwargs))

    def cat_file(self, path, start=None, end=None, **kwargs):
        type(self).step(f"cat {path}")
        return super().cat_file(path, start, end, **kwargs)

    def _with_checksum(self, entry):
        if entry["type"] == "directory":
            return entry
        return {**entry, "ETag": hashlib.md5(self.store[entry["name"]].getvalue(), usedforsecurity=False).hexdigest()}

    def rm(self, path, **kwargs):
        remove = super().rm
        self._request("remove", path[0], lambda: remove(path, **kwargs))


def reset() -> str:
    """Make the storage faultless and empty, and return the URL of a folder in it."""
    fsspec.register_implementation("faulty", FaultyStorage, clobber=True)
    FaultyStorage.store.clear()
    FaultyStorage.requests.clear()
    FaultyStorage.before = FaultyStorage.after = FaultyStorage.step = staticmethod(lambda request: None)
    return f"faulty://{uuid.uuid4().hex}/sarchat"


def stored(url: str) -> dict[str, str]:
    """Return the SHA-256 of each object under a URL by its relative path, as `support.tree` does of a folder."""
    fs, root = fsspec.core.url_to_fs(url)
    fs.invalidate_cache()
    return {
        path[len(root) :].lstrip("/"): hashlib.sha256(fs.cat_file(path)).hexdigest() for path in sorted(fs.find(root))
    }
