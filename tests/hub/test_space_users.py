"""The metric's page with many users at once, among them hostile ones: `python app.py` over HTTP."""

import importlib.util
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from page_server import serving_page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="not installed: gradio (the extra `space`)"),
]
REFERENCE = {"task": "counting", "scenario": "single", "answer": "There is 1 instance. {<1><1><9><9>}"}
USERS = 20
# What the form asks beside the files: average, box format, image size.
CHOICES = ["sample", "sarchat", ""]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving_page(tmp_path_factory.mktemp("page")) as address:
        yield address


@pytest.fixture(scope="module")
def wary_server(tmp_path_factory):
    with serving_page(tmp_path_factory.mktemp("page"), refuses=True) as address:
        yield address


class User:
    """One browser: it uploads files and presses `Score`."""

    def __init__(self, server: str, name: str) -> None:
        import httpx

        self.name = name
        self._client = httpx.Client(base_url=server, timeout=300, trust_env=False)

    def upload(self, name: str, content: bytes):
        return self._client.post("/gradio_api/upload", files={"files": (name, content)})

    def score(self, predictions: list[dict], references: list[dict]) -> str:
        """Return what the page shows."""
        data = []
        for name, entries in (("predictions.jsonl", predictions), ("references.jsonl", references)):
            reply = self.upload(name, "".join(json.dumps(entry) + "\n" for entry in entries).encode())
            data.append({"path": reply.raise_for_status().json()[0], "meta": {"_type": "gradio.FileData"}})
        return self.press([*data, *CHOICES], "show_files")

    def press(self, data: list, function: str) -> str:
        config = self._client.get("/config").json()
        (number,) = (
            event["id"] for event in config["dependencies"] if (event.get("api_name") or "").startswith(function)
        )
        request = {"data": data, "fn_index": number, "session_hash": self.name}
        self._client.post("/gradio_api/queue/join", json=request).raise_for_status()
        with self._client.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.name}) as stream:
            for line in stream.iter_lines():
                message = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                if message.get("msg") == "process_completed":
                    return json.dumps(message["output"])
        raise AssertionError("no answer")


def nested(number: int) -> tuple[str, str]:
    """Boxes of which each overlaps hundreds: the most work that a text of this length can make."""
    rng = np.random.default_rng(0)
    widths = rng.permutation(np.linspace(1000, 10_000, number))
    return tuple("".join(f"{{<0><0><{side * factor:.0f}><9>}}" for side in widths) for factor in (1, 3.9))


def test_twenty_users_have_their_scores_while_one_keeps_the_page_busy(server):
    answer, gold = nested(1400)
    busy = [{"id": str(number), "prediction": answer} for number in range(40)]
    golds = [{"id": str(number), "task": "referring", "scenario": "multi", "answer": gold} for number in range(40)]
    done: dict[str, float] = {}

    def use(number: int) -> str:
        user = User(server, f"user{number}")
        if number == 0:
            shown = user.score(busy, golds)
        else:
            right = REFERENCE["answer"] if number % 2 else "none"
            shown = user.score([{"id": "a", "prediction": right}], [REFERENCE | {"id": "a"}])
        done[user.name] = time.monotonic()
        return shown

    with ThreadPoolExecutor(USERS + 1) as pool:
        first = pool.submit(use, 0)
        time.sleep(1)
        others = list(pool.map(use, range(1, USERS + 1)))
        assert first.result()
    for number, shown in enumerate(others, 1):
        assert ("100.00" if number % 2 else "0.00") in shown and "overall" in shown
    assert max(done, key=done.__getitem__) == "user0", "all others were served meanwhile"


def test_typed_answers_of_twenty_users(server):
    def use(number: int) -> str:
        fields = ["counting", "single", REFERENCE["answer"], f"{number % 2 + 1} {{<1><1><9><9>}}", None]
        return User(server, f"typing{number}").press(fields, "show_answer")

    with ThreadPoolExecutor(USERS) as pool:
        for number, shown in enumerate(pool.map(use, range(USERS))):
            assert ("100.0" if number % 2 == 0 else "66.7") in shown


NAMES = [
    "../../../etc/passwd",
    "..\\..\\windows.jsonl",
    "/etc/passwd",
    "C:\\x.jsonl",
    "a\nb.jsonl",
    "<script>alert(1)</script>.jsonl",
    "{{x}}${y}`z`.jsonl",
    "x" * 5000 + ".jsonl",
    ".",
    "..",
    "\u202egpj.lnosj",
    "con.jsonl",
    "a;b|c&d$(touch owned).jsonl",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names_stay_names(wary_server, name):
    user = User(wary_server, f"names{NAMES.index(name)}")
    reply = user.upload(name, b"not JSON")
    if reply.status_code != 200:
        assert reply.status_code < 500
        return
    (path,) = reply.json()
    assert "uploads" in Path(path).parts and ".." not in Path(path).parts
    file = {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}
    shown = user.press([file, file, *CHOICES], "show_files")
    # Gradio looks at the ending; what it lets through is read.
    assert ("not JSON" in shown or "Invalid file type" in shown) and "<script>" not in shown and "{{" not in shown


def test_a_file_beyond_the_limit_is_refused(wary_server):
    reply = User(wary_server, "large").upload("large.jsonl", b"x" * 160_000_000)
    assert 400 <= reply.status_code < 500


@pytest.mark.parametrize("path", ["/etc/passwd", "app.py", "../../../etc/passwd"])
def test_files_of_the_machine_are_not_read(wary_server, path):
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    shown = User(wary_server, "thief").press([file, file, *CHOICES], "show_files")
    assert "root:" not in shown and "import gradio" not in shown
