"""Sources that are not what they seem: pipes, odd zips, promises of gigabytes, servers without byte ranges."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import threading
import zipfile

import pytest
from corpora import plain_corpus, zip_corpus
from support import refusal

from builders.core.errors import SARChatError
from builders.corpus import source
from sarchat_dataset import SARChat


def test_a_pipe_as_source_does_not_block(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.zip")
    line = refusal(capsys, "build", tmp_path / "pipe.zip", "--out", tmp_path / "out")
    assert "pipe.zip is neither a folder nor a zip" in line


def test_a_pipe_as_image_does_not_block(tmp_path, capsys):
    corpus = plain_corpus(tmp_path)
    path = corpus / "JPEGImages" / "train" / "0000002.png"
    path.unlink()
    os.mkfifo(path)
    for option in ("--embed", "--no-embed"):
        assert "0000002.png" in refusal(capsys, "build", corpus, option, "--out", tmp_path / "out")
    stream = SARChat(data_dir=str(corpus), cache_dir=str(tmp_path)).as_streaming_dataset(split="train")
    with pytest.raises(SARChatError, match=r"0000002\.png"):
        list(stream)


def patch_directory(content: bytes, change) -> bytes:
    """Change each entry of a zip's directory (APPNOTE.TXT 4.3.12), given as a bytearray and the entry's place."""
    spoiled = bytearray(content)
    place = spoiled.find(b"PK\x01\x02")
    while place >= 0:
        change(spoiled, place)
        place = spoiled.find(b"PK\x01\x02", place + 4)
    return bytes(spoiled)


def name_badly(content: bytearray, place: int) -> None:
    """Promise UTF-8 (bit 11 of the flags), and break the promise."""
    content[place + 9] |= 8
    content[place + 46] = 0xFF


def ask_for_version(content: bytearray, place: int) -> None:
    content[place + 6] = 99


@pytest.mark.parametrize("change", [name_badly, ask_for_version])
def test_a_zip_that_python_does_not_read(tmp_path, capsys, change):
    archive = zip_corpus(plain_corpus(tmp_path), tmp_path / "corpus.zip")
    archive.write_bytes(patch_directory(archive.read_bytes(), change))
    assert "corpus.zip is not a readable zip" in refusal(capsys, "build", archive, "--out", tmp_path / "out")


def test_a_zip_with_backslashes_in_its_paths(tmp_path, capsys):
    corpus = plain_corpus(tmp_path)
    with zipfile.ZipFile(tmp_path / "corpus.zip", "w") as archive:
        for path in sorted(corpus.rglob("*.*")):
            archive.write(path, path.relative_to(corpus).as_posix().replace("/", "\\"))
    line = refusal(capsys, "build", tmp_path / "corpus.zip", "--out", tmp_path / "out")
    assert "unpack it, and give the folder" in line


@pytest.mark.parametrize("zipped", [False, True])
def test_a_file_of_absurd_size_is_not_read(tmp_path, capsys, monkeypatch, zipped):
    corpus = plain_corpus(tmp_path)
    with (corpus / "JPEGImages" / "train" / "0000002.png").open("ab") as stream:
        stream.write(bytes(100_000))
    monkeypatch.setattr(source, "_MOST_BYTES", 100_000)
    location = zip_corpus(corpus, tmp_path / "corpus.zip") if zipped else corpus
    line = refusal(capsys, "build", location, "--out", tmp_path / "out")
    assert "0000002.png has 10" in line and "files of up to 100,000" in line


class WholeFiles(http.server.SimpleHTTPRequestHandler):
    """Python's own server: it knows no `Range`."""

    def log_message(self, *_: object) -> None:
        pass

    def copyfile(self, source, outputfile) -> None:
        # A reader that has seen enough closes the connection.
        with contextlib.suppress(ConnectionError):
            super().copyfile(source, outputfile)


def test_a_server_without_byte_ranges(tmp_path, capsys):
    archive = zip_corpus(plain_corpus(tmp_path / "corpus"), tmp_path / "corpus.zip", method=zipfile.ZIP_STORED)
    # Larger than a block, which is fetched at once.
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("SARDet_100K/more.bin", os.urandom(1_000_000))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(WholeFiles, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/corpus.zip"
        line = refusal(capsys, "build", url, "--out", tmp_path / "out")
    finally:
        server.shutdown()
        server.server_close()
    assert line.endswith("no byte ranges); download it and give the file")
