"""Trains a tiny vision-language model on synthetic images, from drawing them to its scores, and checks that it looks.

python examples/train_tiny/run.py --out tiny            # 35 minutes on 2 cores
python examples/train_tiny/run.py --out tiny --joint    # also a model whose vision tower is not trained first
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
# The models that are compared: the untrained one, one trained on grey images, and that one trained further on the real
# ones.
MODELS = ("untrained", "blind", "trained")
# Those that are asked with other images too: do they look?
PROBED = ("blind", "trained", "joint")
# Where the trained model must lose with another image, and be above the blind one.
SEEN = ("classification", "description", "identification")


def main() -> None:
    """Run every step whose result is not there yet, and check the scores."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of everything that is made")
    parser.add_argument("--short", action="store_true", help="few images and steps")
    parser.add_argument("--joint", action="store_true", help="also train the vision tower with the rest, and probe")
    options = parser.parse_args()
    out, short = options.out, options.short
    models = [*MODELS, "joint"] if options.joint else MODELS
    out.mkdir(parents=True, exist_ok=True)
    # `datasets` takes two exports of one folder's name for the same, and would train on the older one.
    os.environ["HF_DATASETS_CACHE"] = str(out.resolve() / "cache")
    images, warm, steps, limit, longest = (100, 4, 3, 4, 8) if short else (5400, 765, 650, 60, 208)
    # Images are learned later than sentences, and more slowly.
    more = steps if short else 1600

    corpus, data, export = out / "images", out / "data", out / "export"
    _make(corpus, SARCHAT, "synth", images, "--size", SIDE, "--out", corpus)
    _make(data, SARCHAT, "build", corpus, "--no-pictures", "--out", data)
    _make(export, SARCHAT, "export", data, "--to", "trl", "--box-format", "sarchat", "--out", export)
    _make(out / "untrained", sys.executable, HERE / "model.py", data, out / "untrained")
    train = sys.executable, HERE / "train.py"
    _make(out / "warmed", *train, "warm", out / "untrained", data, out / "warmed", warm)
    # The sentences are learned first, without images; then, what images have to do with them.
    _make(out / "blind", *train, "blind", out / "warmed", export, out / "blind", steps)
    _make(out / "start", *train, "join", out / "warmed", out / "blind", out / "start")
    _make(out / "trained", *train, "tune", out / "start", export, out / "trained", more)
    if options.joint:
        _make(out / "joint", *train, "joint", out / "untrained", export, out / "joint", steps)
    answers = {name: out / "answers" / name / "own.jsonl" for name in (models[0], "rule", *models[1:])}
    for path in answers.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    _run(SARCHAT, "baseline", data, "--limit", limit, "--out", answers["rule"])
    for name in models:
        probes = name in PROBED
        # The untrained model ends no answer by itself.
        most = 8 if name == "untrained" else longest
        with _serving(out / name) as url:
            asked = data, "--model", out / name, "--base-url", url, "--fine-tuned", export, "--limit", limit
            place = answers[name].parent if probes else answers[name]
            _run(SARCHAT, "probe" if probes else "predict", *asked, "--max-tokens", most, "--out", place)
    for name, path in answers.items():
        _run(SARCHAT, "score", path, "--references", data, "--limit", limit, "--output", out / f"{name}.json")
    _run(SARCHAT, "report", answers["trained"], "--data", data, "--out", out / "report.html")
    measured = _run(*train, "losses", out / "trained", data, 4 if short else 200, stdout=subprocess.PIPE, text=True)
    losses = json.loads(measured.stdout.splitlines()[-1])
    scores = {name: json.loads((out / f"{name}.json").read_text(encoding="utf-8")) for name in answers}
    _show(scores, losses)
    if not short:
        others = {"another image": answers["trained"].with_name("another.jsonl"), "the blind model": answers["blind"]}
        for name, path in others.items():
            told = SARCHAT, "compare", answers["trained"], path, "--references", data, "--format", "json"
            compared = json.loads(_run(*told, stdout=subprocess.PIPE, text=True).stdout)
            _check(compared["tables"][0]["rows"], name)
        if not losses["the right"] < losses["another"]:
            raise SystemExit(f"the model does not look at the image: its losses are {losses}")
        print(
            f"The model looks: in {', '.join(SEEN)} it is above {' and '.join(others)}, outside the paired intervals."
        )


def _run(*command: object, **options: object) -> subprocess.CompletedProcess:
    # The tokenizer's threads and the forks of a data loader would wait for each other.
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(list(map(str, command)), env=environment, **options)
    if done.returncode:
        raise SystemExit(
            f"{' '.join(map(str, command))} ended with {done.returncode}; run this again to go on from there"
        )
    return done


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
    print(f"\n{'score':<{width}}" + "".join(f"{name:>11}" for name in scores))
    for key in keys:
        print(f"{key:<{width}}" + "".join(f"{own.get(key, 0.0):>11.1f}" for own in scores.values()))
    figures = ", ".join(f"{loss:.3f} with {image} image" for image, loss in losses.items())
    print(f"\nMean loss of the answers of classification: {figures}.")


def _check(compared: list[dict], other: str) -> None:
    """Stop with an error unless the trained model, the first one compared, is above the other one."""
    for row in compared:
        if row["task"] in SEEN and row["sub-score"] == "= mean" and row["95 % interval, high"] >= 0:
            raise SystemExit(f"{row['task']}: the trained model is not above {other}, outside the interval")


if __name__ == "__main__":
    main()
