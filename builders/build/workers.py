"""What a build's worker processes do beside their work: stop when told to, and end when their parent does."""

from __future__ import annotations

from multiprocessing.connection import Connection

from builders.build.shards import ShardJob, write_shard
from builders.folder.shard_file import ShardFile
from builders.processes import end_with_parent

_stop: Connection | None = None


def prepare(stop: Connection) -> None:
    """Set up a worker; it gives up its shard once the other end of `stop` is closed."""
    global _stop
    _stop = stop
    # So that none goes on writing into a folder that was given up.
    end_with_parent()


def write(job: ShardJob) -> list[ShardFile]:
    """Write a shard in a worker."""
    return write_shard(job, _go_on)


def _go_on(images: int) -> None:
    # A pipe in place of an event: a worker that is killed while it holds an event's lock would block its parent.
    if _stop is not None and _stop.poll():
        raise InterruptedError("the build was stopped")
