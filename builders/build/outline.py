"""The outline of a build, by which its objects are recognized: what determines their bytes, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from builders.build.options import BuildOptions
from builders.build.plan import Plan, ShardJob
from builders.build.writer_versions import writer_versions
from builders.core.checksums import hash_text
from builders.core.errors import SARChatError
from builders.core.resources import load_json

_DRAWING = ("matplotlib", "numpy", "pillow")
# The name of the outline's own hash in it.
DIGEST = "digest"


def outline(plan: Plan, options: BuildOptions) -> dict[str, Any]:
    """Return the outline of a build, with a digest of it.

    It has no path of a machine, no credentials, and nothing about processes.
    """
    content: dict[str, Any] = {
        "fingerprint": plan.fingerprint,
        "source": dict(plan.source),
        **options.content(),
        "sample": options.sample,
        "pictures": options.pictures,
        "check_images": options.check_images,
        "cut": _hash(map(_describe_cut, plan.jobs)),
        "versions": writer_versions() | (_drawing_versions() if options.pictures else {}),
    }
    return {**content, DIGEST: _hash([json.dumps(content, sort_keys=True)])}


def check_same(ours: Mapping[str, Any], stored: bytes, location: str) -> None:
    """Check that the outline that is stored at a location is this one.

    Raises:
        SARChatError: if it is another one, or none.
    """
    try:
        theirs = load_json(stored.decode())
        digest = theirs[DIGEST]
    except (ValueError, KeyError, TypeError) as error:
        raise SARChatError(f"{location} is not the plan of a build; choose a new prefix with --out") from error
    if digest == ours[DIGEST]:
        return
    # As JSON holds them: without tuples.
    own = json.loads(json.dumps(ours))
    other = sorted(name for name in own.keys() - {DIGEST} if own[name] != theirs.get(name))
    raise SARChatError(
        f"{location} is the plan of another build, which is not finished: {', '.join(other) or 'its content'} "
        "differs; finish that build with its own options and versions, or choose a new prefix with --out"
    )


def _drawing_versions() -> dict[str, str]:
    found = {}
    for package in _DRAWING:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found


def describe_input(job: ShardJob) -> str:
    """Return a hash of a job's files and of what is known of its images: their sizes, which change if one does."""
    return _hash([_describe_cut(job), str(job.start), job.sizes])


def _describe_cut(job: ShardJob) -> str:
    return f"{job.split}:{job.count}:{','.join(path.as_posix() for path in job.paths.values())}"


def _hash(lines: Iterable[str]) -> str:
    return hash_text("\n".join(lines))
