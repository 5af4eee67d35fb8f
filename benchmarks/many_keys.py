"""A server that answers as S3 does for a corpus with very many images, and counts what it is asked.

`python benchmarks/many_keys.py FOLDER IMAGES` prints its URL; `FOLDER` has the annotations. The images are keys alone,
of 60 kB each. `GET /` returns the numbers of requests as JSON, by kind.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

BUCKET = "/bucket/"
_IMAGES = "SARDet_100K/JPEGImages/train/"
_LISTING = (
    '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{}</ListBucketResult>'
)


class Bucket:
    """The objects: files of a folder, and then images, in the order of their keys.

    Attributes:
        files: size and path of each file by its key.
        keys: the keys of the files, sorted.
        images: the number of images.
        asked: how many requests of each kind there were.
    """

    def __init__(self, folder: Path, images: int) -> None:
        """List the files."""
        self.files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        self.keys = sorted(self.files)
        self.images = images
        self.asked = Counter[str]()

    def entry(self, place: int) -> tuple[str, int]:
        """Return key and size of an object."""
        if place < len(self.keys):
            return self.keys[place], self.files[self.keys[place]].stat().st_size
        return f"{_IMAGES}{place - len(self.keys) + 1:07d}.jpg", 60_000

    def page(self, prefix: str, delimiter: str, start: int, most: int) -> str:
        """Return a page of a listing as XML, from the object at a place on."""
        found: list[str] = []
        folders, total = dict[str, None](), len(self.keys)
        if _IMAGES.startswith(prefix) or prefix.startswith(_IMAGES):
            total += self.images
        place = start
        while place < total and len(found) + len(folders) < most:
            key, size = self.entry(place)
            place += 1
            if not key.startswith(prefix):
                continue
            name, deeper, _ = key.removeprefix(prefix).partition(delimiter) if delimiter else (key, "", "")
            if not deeper:
                found.append(f"<Contents><Key>{key}</Key><Size>{size}</Size><ETag>{place}</ETag></Contents>")
                continue
            folders[f"{prefix}{name}{delimiter}"] = None
            if _IMAGES.startswith(f"{prefix}{name}{delimiter}") and place > len(self.keys):
                place = total
        more = f"<NextContinuationToken>{place}</NextContinuationToken>" if place < total else ""
        shown = [f"<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>" for folder in folders]
        truncated = f"<IsTruncated>{str(bool(more)).lower()}</IsTruncated>"
        return _LISTING.format("".join([truncated, more, f"<KeyCount>{len(found)}</KeyCount>", *found, *shown]))


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD."""

    protocol_version = "HTTP/1.1"
    bucket: Bucket

    def do_GET(self) -> None:
        """Answer a listing, an object, or the numbers of requests."""
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/":
            self._answer(200, json.dumps(self.bucket.asked).encode())
        elif "list-type" in asked:
            self.bucket.asked["LIST"] += 1
            start, most = int(asked.get("continuation-token", 0)), int(asked.get("max-keys", 1_000))
            page = self.bucket.page(asked.get("prefix", ""), asked.get("delimiter", ""), start, most)
            self._answer(200, page.encode())
        else:
            self.bucket.asked[self.command] += 1
            path = self.bucket.files.get(url.path.removeprefix(BUCKET))
            self._answer(404 if path is None else 200, b"" if path is None else path.read_bytes())

    do_HEAD = do_GET

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        for name, value in (("Content-Length", str(len(body))), ("ETag", '"1"'), ("Content-Type", "text/xml")):
            self.send_header(name, value)
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class Server(ThreadingHTTPServer):
    """A server whose clients may go away."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Print nothing."""


def main() -> None:
    """Serve until the process is ended."""
    Handler.bucket = Bucket(Path(sys.argv[1]), int(sys.argv[2]))
    with Server(("127.0.0.1", 0), Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
