"""The outline of a build, by which its objects and its workers are recognized: what determines their bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress

import pyarrow as pa

from builders.build.options import BuildOptions
from builders.build.plan import Plan, ShardJob
from builders.core.checksums import hash_text
from builders.core.errors import SARChatError
from builders.core.resources import load_json
from builders.core.schema import DATA_VERSION, PACKAGE, package_version

_DRAWING = ("matplotlib", "numpy", "pillow")


def writer_versions() -> dict[str, str]:
    """Return the versions on which the bytes of the Parquet files depend."""
    return {PACKAGE: package_version(), "data": DATA_VERSION, "pyarrow": pa.__version__}


def check_versions(planned: Mapping[str, str]) -> None:
    """Check that this process has the versions with which a build was planned.

    Raises:
        SARChatError: if it has others.
    """
    for name, here in writer_versions().items():
        if here != planned[name]:
            raise SARChatError(
                f"a worker has {name} {here}, but the build was planned with {planned[name]}; "
                "install the same versions on every machine"
            )


def outline(plan: Plan, options: BuildOptions) -> str:
    """Return the outline of a build as JSON.

    It has no path of a machine, no credentials, and nothing about processes.
    """
    drawing = {package: package_version(package) for package in _DRAWING} if options.pictures else {}
    content = {
        "fingerprint": plan.fingerprint,
        "source": dict(plan.source),
        **options.content(),
        "sample": options.sample,
        "pictures": options.pictures,
        "check_images": options.check_images,
        "cut": _hash(map(_describe_cut, plan.jobs)),
        "versions": writer_versions() | drawing,
    }
    return json.dumps(content, sort_keys=True)


def check_same(ours: str, stored: bytes, location: str) -> None:
    """Check that the outline that is stored at a location is this one.

    Raises:
        SARChatError: if it is another one, or none.
    """
    if stored == ours.encode():
        return
    own, theirs = json.loads(ours), {}
    with suppress(ValueError, TypeError):
        theirs = dict(load_json(stored.decode()))
    other = sorted(name for name in own if own[name] != theirs.get(name))
    raise SARChatError(
        f"{location} is the plan of another build, which is not finished: {', '.join(other) or 'its content'} "
        "differs; finish that build with its own options and versions, or choose a new prefix with --out"
    )


def describe_input(job: ShardJob) -> str:
    """Return a hash of a job's files and of what is known of its images: their sizes, which change if one does."""
    return _hash([_describe_cut(job), str(job.start), job.sizes])


def _describe_cut(job: ShardJob) -> str:
    return f"{job.split}:{job.count}:{','.join(path.as_posix() for path in job.paths.values())}"


def _hash(lines: Iterable[str]) -> str:
    return hash_text("\n".join(lines))
