"""Links in a folder that somebody else wrote: none is followed out of it."""

from __future__ import annotations

import os
from pathlib import Path

from builders.errors import SARChatError


def require_inside(folder: Path, *paths: Path) -> None:
    """Check that paths in a folder, with all links resolved, stay in the folder.

    In the cache of huggingface_hub, `snapshots/REVISION` consists of links to files in `blobs` beside it; these are
    allowed.

    Raises:
        SARChatError: if one leads elsewhere.
    """
    top = Path(os.path.realpath(folder))
    allowed = [top, top.parents[1] / "blobs"] if top.parent.name == "snapshots" else [top]
    for path in paths:
        target = Path(os.path.realpath(path))
        if not any(target.is_relative_to(place) for place in allowed):
            raise SARChatError(f"{path} is a link out of the folder, to {target}; copy the file into the folder")
