"""What a corpus contains besides the files that are read: annotations and folders of images that were perhaps meant."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from builders.corpus.source import Source, join

_ANNOTATIONS = (".json", ".parquet")
# Endings of image files.
IMAGES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff")
# Names of annotation files; others, such as package.json, do not belong to a corpus.
_LIKE_ANNOTATIONS = re.compile(r"annot|instances|coco|(^|/)(train|val|test|dev)[^/]*$", re.IGNORECASE)
# The mark of a folder that `sarchat build` wrote, perhaps inside its source.
_BUILD = "build.json"
_DEEPEST = 2


def find_unread(source: Source, files: Collection[str], images: Collection[str]) -> list[str]:
    """Find annotation files and folders of images that are not read, in the top folder and two levels below.

    Args:
        source: the corpus's files.
        files: the paths of the annotation files that are read; if there are none, all other files of their kind count.
        images: the paths of the folders of images that are read; what is in them is not looked at.

    Returns:
        The paths, sorted; those of folders end in `/`.

    Raises:
        SARChatError: if a folder cannot be listed.
    """
    return sorted(_walk(source, "", files, frozenset(images), 0))


def _walk(source: Source, folder: str, files: Collection[str], images: Collection[str], depth: int) -> Iterator[str]:
    names = source.files(folder)
    if folder and _BUILD in names:
        return
    for path in (join(folder, name) for name in names if name.lower().endswith(_ANNOTATIONS)):
        if path not in files and (not files or _LIKE_ANNOTATIONS.search(path)):
            yield path
    if folder and any(name.lower().endswith(IMAGES) for name in names):
        yield f"{folder}/"
    if depth < _DEEPEST:
        for name in source.folders(folder):
            path = join(folder, name)
            if path not in images:
                yield from _walk(source, path, files, images, depth + 1)
