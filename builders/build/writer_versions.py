"""The versions on which the bytes of the Parquet files depend, which every worker must have."""

from __future__ import annotations

from collections.abc import Mapping

from builders.core.errors import SARChatError
from builders.core.schema import DATA_VERSION, PACKAGE, package_version


def writer_versions() -> dict[str, str]:
    """Return the versions on which the bytes of the Parquet files depend."""
    # `sarchat build --help` imports this module, and needs nothing of pyarrow.
    import pyarrow as pa

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
