"""`make fuzz`: every target for some time, by hypothesis and, where it is installed, by atheris; a table at the end.

Inputs that escaped are written to `.fuzz/`. The exit code is 1 if there is any.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import io
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOUND = ROOT / ".fuzz"
# A process that takes more has failed. Of address space, most of which is never touched.
_MEMORY = 8 << 30
_ENGINES = ("hypothesis", "atheris")


def main() -> int:
    """Run the engines, each in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="time per reader and engine")
    parser.add_argument("--only", default="", help="only readers whose name contains this")
    parser.add_argument("--engine", choices=_ENGINES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.engine:
        _run_engine(arguments.engine, arguments.seconds, arguments.only)
        return 0
    engines = [name for name in _ENGINES if importlib.util.find_spec(name)]
    if len(engines) < len(_ENGINES):
        print("atheris is not installed: pip install '.[fuzz]'", file=sys.stderr)
    rows = []
    for engine in engines:
        command = [sys.executable, __file__, "--engine", engine, "--seconds", str(arguments.seconds)]
        with subprocess.Popen([*command, "--only", arguments.only], stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout or ():
                rows.append(json.loads(line))
                print(*rows[-1], sep="  ", file=sys.stderr, flush=True)
        if process.returncode:
            return process.returncode
    from builders.core.tables import Table, write_tables

    header = ["reader", "engine", "inputs", "seconds", "escaped"]
    notes = [f"{sum(row[2] for row in rows):,} inputs in all."]
    print(write_tables([Table("", header, sorted(rows), notes)]))
    return int(any(row[-1] for row in rows))


def _run_engine(engine: str, seconds: float, only: str) -> None:
    """Run the readers one after the other, each in a fork of this process, which has imported everything."""
    if engine == "atheris":
        import atheris

        # It names every module.
        with redirect_stderr(io.StringIO()), atheris.instrument_imports(include=["builders", "sarchat_metric"]):
            importlib.import_module("fuzz.targets")
        run = _run_atheris
    else:
        run = _run_hypothesis
    from fuzz.targets import TARGETS, working_folder

    working_folder()
    for name in TARGETS:
        if only in name:
            print(json.dumps([name, engine, *_run_apart(name, engine, partial(run, name, seconds))]), flush=True)


def _run_apart(name: str, engine: str, run: Callable[[], int]) -> tuple[int, int, str]:
    """Run a reader in a fork; return its inputs, seconds, and what escaped."""
    start = time.monotonic()
    with tempfile.TemporaryFile() as log:
        process = os.fork()
        if not process:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            code = 1
            try:
                code = run()
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(code)
        _, status = os.waitpid(process, 0)
        log.seek(0)
        text = log.read().decode("utf-8", "replace")
    counts = re.findall(r"number_of_executed_units: (\d+)|^inputs: (\d+)", text, re.MULTILINE)
    escaped = ""
    if status:
        named = re.findall(r"EscapedError: (.*)|(SUMMARY: .*)", text)
        lines = ["".join(one) for one in named] or text.splitlines() or [f"status {status}"]
        escaped = lines[-1][:120]
        FOUND.mkdir(exist_ok=True)
        (FOUND / f"{name}-{engine}.log").write_text(text, encoding="utf-8")
    return sum(int(a or b) for a, b in counts[-1:]), round(time.monotonic() - start), escaped


def _keep(name: str, data: bytes) -> None:
    FOUND.mkdir(exist_ok=True)
    (FOUND / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _run_hypothesis(name: str, seconds: float) -> int:
    from fuzz.inputs import inputs
    from fuzz.targets import TARGETS, EscapedError, check
    from hypothesis import HealthCheck, Phase, given, seed, settings

    _limit_memory()
    target, tried = TARGETS[name], 0
    checks = list(HealthCheck)

    @settings(max_examples=100, database=None, deadline=None, suppress_health_check=checks, phases=[Phase.generate])
    @given(inputs(target))
    def read(data: bytes) -> None:
        nonlocal tried
        tried += 1
        try:
            check(target, data)
        except EscapedError:
            _keep(name, data)
            raise

    end, round_ = time.monotonic() + seconds, 0
    try:
        while time.monotonic() < end:
            seed(round_)(read)()
            round_ += 1
    finally:
        print(f"inputs: {tried}")
    return 0


def _run_atheris(name: str, seconds: float) -> int:
    import atheris
    from fuzz.targets import TARGETS, check, working_folder

    target = TARGETS[name]
    corpus = Path(tempfile.mkdtemp(dir=working_folder()))
    for number, data in enumerate(target.seeds()):
        (corpus / str(number)).write_bytes(data)
    words = corpus.with_suffix(".dict")
    words.write_text("".join(f'"{_escape(token)}"\n' for token in target.tokens), encoding="ascii")
    FOUND.mkdir(exist_ok=True)
    options = [f"-max_total_time={seconds:.0f}", "-print_final_stats=1", "-rss_limit_mb=4096", "-timeout=20"]
    options += [f"-artifact_prefix={FOUND / name}-", "-max_len=65536", "-verbosity=0"]
    if target.tokens:
        options.append(f"-dict={words}")
    atheris.Setup([sys.argv[0], *options, str(corpus)], lambda data: check(target, data) and None)
    atheris.Fuzz()
    return 0


def _escape(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token)


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    # As for the tests: nothing is looked up, nothing of the user's caches is touched.
    os.environ.setdefault("SARCHAT_TESTS", tempfile.gettempdir())
    os.environ["HF_HUB_OFFLINE"] = "1"
    sys.exit(main())
