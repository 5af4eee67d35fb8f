"""Buckets of the Hugging Face Hub as object storage: `hf://buckets/OWNER/NAME/...`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import HfApi, HfFileSystem
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

if not hasattr(HfApi, "batch_bucket_files"):
    raise ImportError("hf://buckets/ needs a newer huggingface_hub: pip install -U huggingface_hub")


class HubBuckets(HfFileSystem):
    """`HfFileSystem`, except that whole files are uploaded from where they are, and several removed in one request.

    The Hub cannot refuse a second object with the same path: of two processes that create one within a moment, the
    later one replaces it.
    """

    def put_file(self, path1: str, path2: str, callback: object = None, **kwargs: object) -> None:
        """Upload a file; the method of the base class copies it first, and publishes a part if that fails."""
        self._change(path2, add=path1)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: object) -> None:
        """Write an object, with `mode="create"` unless there is one.

        Raises:
            FileExistsError: if there is one.
        """
        if mode == "create" and self._has(path):
            raise FileExistsError(path)
        self._change(path, add=value)

    def rm_file(self, path: str) -> None:
        """Remove an object."""
        self.rm(path)

    def rm(
        self,
        path: str | list[str],
        recursive: bool = False,
        maxdepth: int | None = None,
        revision: str | None = None,
        **kwargs: object,
    ) -> None:
        """Remove objects; the method of the base class takes no list."""
        paths = [path] if isinstance(path, str) else path
        try:
            self._change(*paths)
        except HfHubHTTPError:
            # Somebody else may have removed them.
            if any(map(self._has, paths)):
                raise

    def _has(self, path: str) -> bool:
        # Unlike with the method `exists`, an error of the network is no answer.
        try:
            self.info(path, refresh=True)
        except FileNotFoundError:
            return False
        return True

    def _change(self, *paths: str, add: str | bytes | None = None) -> None:
        """Write an object at a path, or else remove those at all paths."""
        # buckets/OWNER/NAME/KEY
        parts = [path.split("/", 3) for path in paths]
        bucket, keys = "/".join(parts[0][1:3]), [part[3] for part in parts]
        api = HfApi(endpoint=self.endpoint, token=self.token)
        with _without_progress_bars():
            if add is None:
                api.batch_bucket_files(bucket, delete=keys)
            else:
                api.batch_bucket_files(bucket, add=[(add, keys[0])])
        for path in paths:
            self.invalidate_cache(path)


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    """A build shows a bar of its own."""
    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()
