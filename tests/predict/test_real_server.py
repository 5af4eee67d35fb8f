"""A real server with a real model, tiny and random: `transformers serve`, in an environment of its own."""

import os
import signal
import socket
import subprocess
import time
import urllib.request

import pytest
import trainer_environments as tools
from asked_models import read_lines
from built_fixture import sample_build
from support import ROOT, command

from builders.core.schema import ALL
from builders.data.open_data import open_data
from builders.scoring.scoring import evaluate_file

pytestmark = pytest.mark.slow

STARTS_WITHIN = 300  # seconds


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "llava"
    tools.run("serve", "python", ROOT / "tests" / "tiny_model.py", folder)
    return folder


@pytest.fixture(scope="module")
def url(model, tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    program = tools.environment("serve") / "bin" / "transformers"
    arguments = ["serve", model, "--host", "127.0.0.1", "--port", port, "--device", "cpu", "--dtype", "float32"]
    with (
        log.open("wb") as stream,
        subprocess.Popen(
            [*map(str, (program, *arguments))],
            stdout=stream,
            stderr=stream,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            start_new_session=True,
        ) as server,
    ):
        try:
            wait_until_ready(f"http://127.0.0.1:{port}/health", server, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            os.killpg(server.pid, signal.SIGTERM)


def wait_until_ready(address, server, log):
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()[-3000:]
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"the server did not start:\n{log.read_text()[-3000:]}")


def test_every_question_gets_the_models_answer(url, model, tmp_path):
    out = tmp_path / "answers.jsonl"
    limits = ["--limit", "2", "--max-tokens", "16", "--concurrency", "4"]
    arguments = ["predict", sample_build(), "--model", model, "--base-url", url, "--out", out, *limits]
    done = subprocess.run(command(*arguments), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = {line["id"]: line for line in read_lines(out)}
    data = open_data(str(sample_build()))
    tasks = data.select(ALL, "test")
    assert set(lines) == data.subset(tasks, "test", 2)
    for line in lines.values():
        # A random model stops where it is stopped, unless it happens to end its turn.
        assert line["prediction"] or line["finish_reason"] == "stop"
        assert 0 < line["completion_tokens"] <= 16
        assert line["prompt_tokens"] > 0
    scores = evaluate_file(out, sample_build(), ALL, "test", "sample", limit=2)
    assert scores.missing == 0
