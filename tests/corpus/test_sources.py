"""Folder, folder around it, zip, and either over HTTP give the same records: live, streamed and built."""

from __future__ import annotations

import http.server
import os
import re
import socket
import threading
from functools import partial
from pathlib import Path

import pytest
from corpora import LAYOUTS, Picture, noisy_pictures, plain_corpus, write_corpus, zip_corpus
from support import build, comparable, refusal, slow, tree

from builders.build.options import BuildOptions
from builders.cli.command import main
from builders.core.errors import SARChatError
from sarchat_dataset import SARChat


class RangeHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, parts of files too, and counts bytes and listings."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not path.is_file():
            self.server.listed += 1
            super().do_GET()
            return
        content = path.read_bytes()
        start, end = (int(asked[1]), int(asked[2] or len(content) - 1)) if asked else (0, len(content) - 1)
        part = content[start : end + 1]
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(part)))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{start + len(part) - 1}/{len(content)}")
        self.end_headers()
        self.server.served += len(part)
        self.wfile.write(part)

    def end_headers(self):
        if self.command == "HEAD":
            self.send_header("Accept-Ranges", "bytes")
        super().end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    """Serve a folder on loopback; give the server: its `url`, the bytes `served`, how often a folder was `listed`."""
    servers = []

    def serve(folder: Path, handler: type = RangeHandler) -> http.server.ThreadingHTTPServer:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
        server.handle_error = lambda *_: None  # A client that hung up is none of the test's.
        server.served, server.listed, server.url = 0, 0, f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def live(location: str | Path, folder: Path) -> dict[str, list]:
    builder = SARChat(data_dir=str(location), cache_dir=str(folder / "cache"))
    builder.download_and_prepare()
    return {split: [comparable(record) for record in records] for split, records in builder.as_dataset().items()}


def streamed(location: str | Path, folder: Path) -> dict[str, list]:
    builder = SARChat(data_dir=str(location), cache_dir=str(folder / "cache"))
    return {
        split: [comparable(record) for record in records] for split, records in builder.as_streaming_dataset().items()
    }


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> tuple[dict[str, list], dict[str, str]]:
    """What the usual folder of the plain corpus gives: live, and as the sums of a build."""
    corpus = plain_corpus(tmp_path_factory.mktemp("corpus"))
    folder = tmp_path_factory.mktemp("expected")
    build(corpus, folder / "sarchat")
    return live(corpus, folder), tree(folder / "sarchat")


@pytest.fixture
def check_same(expected, tmp_path):
    """Check that a location gives what the usual folder gives."""

    def check_same(location: str | Path) -> None:
        records, sums = expected
        assert all(records.values())
        assert live(location, tmp_path / "found") == records
        assert streamed(location, tmp_path / "found") == records
        build(location, tmp_path / "found" / "sarchat")
        assert tree(tmp_path / "found" / "sarchat") == sums

    return check_same


@pytest.mark.parametrize("layout", [LAYOUTS[1], *slow(LAYOUTS[0], LAYOUTS[2])])
def test_layouts_of_images_give_the_same(tmp_path, check_same, layout):
    check_same(plain_corpus(tmp_path, layout=layout))


@pytest.mark.parametrize("layout", [LAYOUTS[2], *slow(LAYOUTS[0], LAYOUTS[1])])
@pytest.mark.parametrize("top", [True, *slow(False)])
def test_zip_gives_what_its_folder_gives(tmp_path, check_same, layout, top):
    check_same(zip_corpus(plain_corpus(tmp_path, layout=layout), tmp_path / "any name.zip", top=top))


def test_folder_around_the_corpus_gives_the_same(tmp_path, check_same):
    plain_corpus(tmp_path / "around")
    (tmp_path / "around" / "other").mkdir()
    check_same(tmp_path / "around")


@pytest.mark.parametrize("top", [False, *slow(True)])
def test_zip_over_http_gives_the_same(tmp_path, serve, check_same, top):
    zip_corpus(plain_corpus(tmp_path), tmp_path / "sardet-100k.zip", top=top)
    check_same(f"{serve(tmp_path).url}/sardet-100k.zip")


def test_folder_over_http_gives_the_same(tmp_path, serve, check_same):
    plain_corpus(tmp_path)
    check_same(f"{serve(tmp_path).url}/SARDet_100K")


@pytest.mark.slow
def test_two_processes_read_a_zip_over_http(tmp_path, serve, expected):
    zip_corpus(plain_corpus(tmp_path), tmp_path / "corpus.zip")
    build(f"{serve(tmp_path).url}/corpus.zip", tmp_path / "found", BuildOptions(num_proc=2))
    assert tree(tmp_path / "found") == expected[1]


def test_streaming_the_first_record_reads_a_small_part_of_the_zip(tmp_path, serve):
    corpus = write_corpus(tmp_path, noisy_pictures(80))
    archive = zip_corpus(corpus, tmp_path / "corpus.zip")
    server = serve(tmp_path)
    builder = SARChat(config_name="referring", data_dir=f"{server.url}/corpus.zip", cache_dir=str(tmp_path / "cache"))
    record = next(iter(builder.as_streaming_dataset()["train"]))
    assert record["image"].size == (256, 256)
    assert archive.stat().st_size > 5_000_000
    assert 0 < server.served < archive.stat().st_size / 4


def test_streaming_a_folder_over_http_does_not_list_it_for_each_shard(tmp_path, serve):
    """A listing of the real folder would contain a hundred thousand images."""
    server = serve(plain_corpus(tmp_path).parent)
    builder = SARChat(data_dir=f"{server.url}/SARDet_100K", cache_dir=str(tmp_path / "cache"))
    assert list(builder.as_streaming_dataset()["train"])
    assert server.listed < 64


@pytest.mark.parametrize("path", ["", "nothing.zip", "nothing", "empty/"])
def test_url_of_nothing_is_reported_in_one_line(tmp_path, serve, capsys, path):
    (tmp_path / "empty").mkdir()
    refusal(capsys, "build", f"{serve(tmp_path).url}/{path}", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_server_that_is_gone_is_reported_in_one_line(tmp_path, capsys):
    refusal(capsys, "build", "http://127.0.0.1:9/corpus.zip", "--out", tmp_path / "out")


NAMES = ["100% #2 (ümläut)", "a[1]", *slow("a space", "what?", "star*", "a::b", "~x", "{y}")]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("zipped", [False, True])
def test_any_name_of_folder_and_zip_will_do(tmp_path, expected, name, zipped):
    corpus = plain_corpus(tmp_path / name)
    location = zip_corpus(corpus, tmp_path / name / f"{name}.zip") if zipped else corpus
    build(location, tmp_path / name / "found", BuildOptions(tasks=["counting"], splits=["test"]))
    path = "counting/test-00000-of-00001.parquet"
    assert tree(tmp_path / name / "found")[path] == expected[1][path]


class FaultyHandler(RangeHandler):
    """After so many good bytes, answers with an error or hangs up."""

    good, status = 0, None

    def do_GET(self):
        if self.server.served < self.good:
            super().do_GET()
        elif self.status:
            self.send_error(self.status)
        else:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("name", "good", "status"),
    [
        *(("corpus.zip", 1000, 503), ("SARDet_100K", 1000, 503)),
        *slow(*(("corpus.zip", 0, 503), ("corpus.zip", 1000, 403), ("corpus.zip", 1000, None))),
        *slow(*(("SARDet_100K", 0, 503), ("SARDet_100K", 1000, 403), ("SARDet_100K", 1000, None))),
    ],
)
def test_faulty_server_is_reported(tmp_path, serve, capsys, monkeypatch, name, good, status):
    zip_corpus(plain_corpus(tmp_path), tmp_path / "corpus.zip", top=False)
    monkeypatch.setattr(FaultyHandler, "good", good)
    monkeypatch.setattr(FaultyHandler, "status", status)
    url = f"{serve(tmp_path, FaultyHandler).url}/{name}"
    with pytest.raises(SystemExit):
        main(["build", url, "--out", str(tmp_path / "out")])
    *warnings, line = capsys.readouterr().err.splitlines()
    assert line.startswith("Error: ")
    assert all(warning.startswith("Warning: ") for warning in warnings)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_hub_that_is_gone_is_reported(tmp_path, sarchat_process):
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9"}
    result = sarchat_process("build", "hf://datasets/somebody/corpus", "--out", tmp_path / "out", env=environment)
    assert result.returncode == 1
    assert re.fullmatch(r"(?:Warning: .+\n)*Error: .+\n", result.stderr), result.stderr


def test_two_corpora_side_by_side_are_refused(tmp_path):
    corpus = plain_corpus(tmp_path)
    corpus.rename(tmp_path / "first")
    plain_corpus(tmp_path)
    with pytest.raises(SARChatError, match="more than one"):
        build(tmp_path, tmp_path / "out")


def test_zip_that_was_replaced_is_read_anew(tmp_path):
    archive = tmp_path / "corpus.zip"
    for number, side in enumerate((30, 31)):
        pictures = {"train": [Picture("0000001.bmp", 64, 64, [("ship", 1, 1, side, 30)])]}
        zip_corpus(write_corpus(tmp_path / str(number), pictures), archive)
        (record,) = live(archive, tmp_path)["train"][:1]
        assert record["objects"]["bbox"] == [[1, 1, side, 30]]
