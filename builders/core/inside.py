"""Links in a folder that somebody else wrote: none is followed out of it."""

from __future__ import annotations

import os
from pathlib import Path

from builders.core.errors import SARChatError


def require_inside(folder: Path, *paths: Path, advice: str = "copy the file into the folder") -> None:
    """Check that paths in a folder, with all links resolved, stay in the folder.

    In the cache of huggingface_hub, `snapshots/REVISION` consists of links to files in `blobs` beside it; these are
    allowed.

    Args:
        folder: the folder, which may be a link itself.
        paths: the paths.
        advice: what to do, for the message.

    Raises:
        SARChatError: if one leads elsewhere; the message has the path and its target.
    """
    top = Path(os.path.realpath(folder))
    allowed = [top, *(place.parent / "blobs" for place in top.parents if place.name == "snapshots")]
    for path in paths:
        target = Path(os.path.realpath(path))
        if not any(target.is_relative_to(place) for place in allowed):
            raise SARChatError(f"{path} is a link out of the folder, to {target}; {advice}")
