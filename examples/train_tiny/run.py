"""Trains a tiny vision-language model on synthetic images, from drawing them to its scores, and checks that it looks.

python examples/train_tiny/run.py --out tiny            # about 25 minutes on 2 cores
python examples/train_tiny/run.py --out tiny --short    # a few minutes: every step runs, but nothing is learned
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
SARCHAT = Path(sys.executable).with_name("sarchat")
SIDE = 224
# The models that are compared: the untrained one, one trained on grey images, and one trained on the real ones.
MODELS = ("untrained", "blind", "trained")
# Where the trained model must be above the blind one.
SEEN = ("classification", "description", "identification")


def main() -> None:
    """Run every step whose result is not there yet, and check the scores."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of everything that is made")
    parser.add_argument("--short", action="store_true", help="few images and steps")
    options = parser.parse_args()
    out, short = options.out, options.short
    out.mkdir(parents=True, exist_ok=True)
    images, warm, steps, limit = (100, 4, 3, 2) if short else (5400, 765, 650, 60)

    corpus, data, export = out / "images", out / "data", out / "export"
    _make(corpus, SARCHAT, "synth", images, "--size", SIDE, "--out", corpus)
    _make(data, SARCHAT, "build", corpus, "--no-pictures", "--out", data)
    _make(export, SARCHAT, "export", data, "--to", "trl", "--box-format", "sarchat", "--out", export)
    _make(out / "untrained", sys.executable, HERE / "model.py", data, out / "untrained")
    train = sys.executable, HERE / "train.py"
    _make(out / "warmed", *train, "warm", out / "untrained", data, out / "warmed", warm)
    _make(out / "trained", *train, "tune", out / "warmed", export, out / "trained", steps)
    _make(out / "blind", *train, "blind", out / "warmed", export, out / "blind", steps)
    answers = {name: out / f"{name}.jsonl" for name in MODELS}
    for name in MODELS:
        with _serving(out / name) as url:
            asked = "predict", data, "--model", out / name, "--base-url", url, "--fine-tuned", export
            _run(SARCHAT, *asked, "--limit", limit, "--max-tokens", 208, "--out", answers[name])
        _run(SARCHAT, "score", answers[name], "--references", data, "--output", out / f"{name}.json")
    _run(SARCHAT, "compare", answers["trained"], answers["blind"], "--references", data)
    _run(SARCHAT, "report", answers["trained"], "--data", data, "--out", out / "report.html")
    measured = _run(*train, "losses", out / "trained", data, 4 if short else 200, stdout=subprocess.PIPE, text=True)
    losses = json.loads(measured.stdout.splitlines()[-1])
    scores = {name: json.loads((out / f"{name}.json").read_text(encoding="utf-8")) for name in MODELS}
    _show(scores, losses)
    if not short:
        _check(scores["trained"], scores["blind"], losses)


def _run(*command: object, **options: object) -> subprocess.CompletedProcess:
    # The tokenizer's threads and the forks of a data loader would wait for each other.
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    return subprocess.run(list(map(str, command)), check=True, env=environment, **options)


def _make(folder: Path, *command: object) -> None:
    """Run a command unless the folder that it writes last is there."""
    if folder.exists():
        return
    start = time.monotonic()
    _run(*command)
    print(f"{folder}: {time.monotonic() - start:.0f} s", flush=True)


@contextmanager
def _serving(model: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(HERE / "serve.py"), str(model), str(port)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        if "serving" not in server.stdout.readline():
            raise SystemExit(f"the server of {model} did not start")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait()


def _show(scores: dict[str, dict], losses: dict[str, float]) -> None:
    keys = [key for key in scores["trained"] if isinstance(scores["trained"][key], float)]
    width = max(map(len, keys))
    print(f"\n{'score':<{width}}" + "".join(f"{name:>11}" for name in MODELS))
    for key in keys:
        print(f"{key:<{width}}" + "".join(f"{scores[name].get(key, 0.0):>11.1f}" for name in MODELS))
    figures = ", ".join(f"{loss:.3f} with {image} image" for image, loss in losses.items())
    print(f"\nMean loss of the answers of classification: {figures}.")


def _check(trained: dict, blind: dict, losses: dict[str, float]) -> None:
    """Stop with an error unless the model looks at the image."""
    if not losses["the right"] < losses["another"]:
        raise SystemExit(f"the model does not look at the image: its losses are {losses}")
    for task in SEEN:
        low, high = trained["intervals"][task][0], blind["intervals"][task][1]
        if low <= high:
            raise SystemExit(f"{task}: the trained model has {low:.1f} or more, the blind one {high:.1f} or less")
    print(f"The model looks: it is above the blind one in {', '.join(SEEN)}, outside their intervals.")


if __name__ == "__main__":
    main()
