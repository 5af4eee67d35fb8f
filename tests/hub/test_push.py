"""`sarchat push` with the real huggingface_hub client, against a Hub on loopback; nothing else can be reached."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from built_fixture import sample_build
from hub_server import LoopbackHub
from hub_shell import RUN, Shell
from PIL import Image
from support import ROOT, children, is_running, slow, wait_until

from builders.cli.command import main
from builders.core.checksums import SUMS, write_checksums
from builders.hub.space import write_space


@pytest.fixture
def hub():
    with LoopbackHub() as hub:
        yield hub


@pytest.fixture
def shell(hub, tmp_path):
    return Shell(hub, tmp_path / "home")


@pytest.fixture
def refuse(monkeypatch, capsys):
    """Run a push that must end before it has opened a connection, in this process; give its one line."""

    def connect(*arguments: object) -> None:
        raise AssertionError(f"a connection to {arguments[-1]}")

    def run(*arguments: object) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["push", *map(str, arguments)])
        assert ended.value.code == 1
        captured = capsys.readouterr()
        lines = captured.err.rstrip().splitlines()
        assert (captured.out, [line for line in lines if line.startswith("Error: ")]) == ("", lines[-1:])
        return lines[-1]

    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect)
    return run


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    return make_build(tmp_path_factory.mktemp("built") / "sarchat")


@pytest.fixture(scope="session")
def sample():
    return sample_build(pictures=True)


@pytest.fixture(scope="session")
def space(tmp_path_factory):
    folder = tmp_path_factory.mktemp("space") / "sarchat_metric"
    write_space(folder)
    return folder


def make_build(folder: Path, *, shards: int = 2, embed: bool = True, words: str = "Where is it?") -> Path:
    """Write a folder as a build does: few records, several shards, a picture."""
    features = [
        {"name": "id", "dtype": "string"},
        {"name": "image", "dtype": "image"},
        {"name": "messages", "list": [{"name": name, "dtype": "string"} for name in ("role", "content")]},
        {
            "name": "objects",
            "struct": [
                {"name": "bbox", "sequence": {"sequence": "float64", "length": 4}},
                {"name": "category", "sequence": {"class_label": {"names": {"0": "ship", "1": "aircraft"}}}},
            ],
        },
    ]
    counts = {"train": 6, "validation": 2, "test": 4}
    for task in ("counting", "referring"):
        (folder / task).mkdir(parents=True)
        for split, count in counts.items():
            table = make_records(f"{task}/{split}", count, embed, words)
            for shard in range(shards):
                part = table.take(pa.array(range(shard, count, shards), pa.int64()))
                name = f"{split}-{shard:05d}-of-{shards:05d}.parquet"
                pq.write_table(part, folder / task / name, compression="zstd", store_schema=False)
    splits = [{"name": split, "num_bytes": 1, "num_examples": count} for split, count in counts.items()]
    both = [{**split, "num_examples": 2 * split["num_examples"]} for split in splits]
    configs = {"all": ["counting", "referring"], "counting": ["counting"], "referring": ["referring"]}
    metadata = {
        "license": "cc-by-nc-4.0",
        "configs": [
            {
                "config_name": config,
                "data_files": [
                    {"split": split, "path": [f"{task}/{split}-*.parquet" for task in tasks]} for split in counts
                ],
                **({"default": True} if config == "all" else {}),
            }
            for config, tasks in configs.items()
        ],
        "dataset_info": [
            {
                "config_name": config,
                "features": features,
                "splits": both if config == "all" else splits,
                "download_size": 1,
                "dataset_size": 1,
            }
            for config in configs
        ],
    }
    (folder / "pictures").mkdir()
    (folder / "pictures" / "shapes.png").write_bytes(encode(7))
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump(metadata, sort_keys=False)}---\n\n# SARChat\n")
    write_checksums(folder)
    return folder


def make_records(prefix: str, count: int, embed: bool, words: str) -> pa.Table:
    # Two records share an image, which is stored once.
    index = pa.array([number // 2 for number in range(count)], pa.int32())
    images = pa.array([encode(number) for number in range(-(-count // 2))], pa.binary())
    names = [f"{prefix}/{number}.png" for number in range(-(-count // 2))]
    image = pa.StructArray.from_arrays(
        [
            pa.DictionaryArray.from_arrays(index, images) if embed else pa.nulls(count, pa.binary()),
            pa.DictionaryArray.from_arrays(index, pa.array(names)),
        ],
        names=["bytes", "path"],
    )
    rows = [
        {
            "id": f"{prefix}/{number}",
            "messages": [{"role": "user", "content": words}, {"role": "assistant", "content": f"{number}."}],
            "objects": {"bbox": [[1.0, 2.0, 3.5, 4.0 + number]], "category": [number % 2]},
        }
        for number in range(count)
    ]
    table = pa.Table.from_pylist(rows)
    return table.add_column(1, "image", image)


def encode(seed: int) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (48, 64), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def hosted(hub: LoopbackHub, kind: str, repo_id: str, revision: str = "main") -> dict[str, bytes]:
    files = hub.repo(kind, repo_id).files(revision)
    files.pop(".gitattributes")
    return files


def on_disk(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def reseal(folder: Path) -> None:
    (folder / SUMS).unlink()
    write_checksums(folder)


def run_printed(shell: Shell, out: str, then: str) -> str:
    """Run the lines that a push prints, which end with an expression, and then look at its value."""
    *lines, last = out.split("Load it with:")[1].strip().splitlines()
    done = shell.python("\n".join([*lines, f"it = {last}", then]))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# Data set


@pytest.mark.slow
def test_a_pushed_data_set_loads_like_its_folder(hub, shell, sample):
    out = shell.succeed("dataset", sample, "alice/sarchat", code=RUN)
    assert hosted(hub, "dataset", "alice/sarchat") == on_disk(sample)
    assert 'load_dataset("alice/sarchat", "referring")' in out
    local, remote = shell.read(sample), shell.read("alice/sarchat")
    assert remote == local
    tasks = ["classification", "counting", "description", "grounding", "identification", "referring"]
    assert list(local) == sorted(["all", *tasks, "presence", "dialogue"])
    for split in ("train", "validation", "test"):
        assert all(local[task][split] for task in tasks)
        assert len(local["all"][split]) == sum(len(local[task][split]) for task in tasks)
    ids = [row["id"] for row, *_ in local["referring"]["test"]]
    assert run_printed(shell, out, "print([row['id'] for row in it['test']])") == str(ids)
    streamed = out.replace('"referring")', '"referring", split="test", streaming=True)')
    assert run_printed(shell, streamed, "print([row['id'] for row in it])") == str(ids)
    assert hub.authorizations <= {"", "Bearer hf_alice"}


@pytest.mark.slow
def test_large_content_goes_in_parts_where_the_hub_asks_for_it(hub, shell, built):
    hub.multipart = True
    shell.succeed("dataset", built, "alice/sarchat")
    assert hub.count("PUT /lfs/[0-9a-f]+/2$") > 0
    assert hosted(hub, "dataset", "alice/sarchat") == on_disk(built)


@pytest.mark.slow
def test_a_second_push_sends_what_changed_and_deletes_what_is_gone(hub, shell, built, tmp_path):
    shell.succeed("dataset", built, "alice/sarchat")
    repo = hub.repo("dataset", "alice/sarchat")
    unchanged = shell.succeed("dataset", built, "alice/sarchat")
    assert "Nothing to change" in unchanged
    assert repo.titles == ["initial commit", "Publish SARChat"]

    notes = {**repo.commits[repo.refs["main"]], "notes.md": repo.commits[repo.refs["main"]]["README.md"]}
    repo.commit("main", notes, "by hand")
    stored, before = set(hub.store), len(hub.log)
    new = make_build(tmp_path / "sarchat", shards=3)
    shell.succeed("dataset", new, "alice/sarchat")
    files = hosted(hub, "dataset", "alice/sarchat")
    # A file that no push put there stays.
    assert files.pop("notes.md")
    assert files == on_disk(new)
    assert not [path for path in files if "of-00002" in path]
    assert repo.titles[-1] == "Publish SARChat"
    assert len(repo.titles) == 4
    sent = {line.rsplit("/", 1)[1] for line in hub.log[before:] if line.startswith("PUT /lfs/")}
    assert sent == {hashlib.sha256(file.read_bytes()).hexdigest() for file in new.rglob("*.parquet")} - stored


@pytest.mark.slow
@pytest.mark.parametrize("multipart", [False, True])
def test_an_upload_that_breaks_half_way_is_tried_again(hub, shell, built, multipart):
    hub.multipart, hub.break_uploads = multipart, {1, 3}
    shell.succeed("dataset", built, "alice/sarchat")
    assert hosted(hub, "dataset", "alice/sarchat") == on_disk(built)
    assert hub.repo("dataset", "alice/sarchat").titles == ["initial commit", "Publish SARChat"]


@pytest.mark.slow
@pytest.mark.parametrize(("failures", "code"), [(2, 0), (3, 1)])
def test_an_upload_that_the_storage_fails_is_tried_again_and_then_told(hub, shell, built, failures, code):
    # The newer storage is not spoken here; its client tells of a failure with a RuntimeError.
    patched = f"""
from huggingface_hub import HfApi
from builders.hub import publish

upload, failures = HfApi.preupload_lfs_files, ["storage out of order"] * {failures}

def fail(*arguments, **options):
    if failures:
        raise RuntimeError(failures.pop())
    return upload(*arguments, **options)

HfApi.preupload_lfs_files = fail
publish._WAITS = (0.01, 0.01)
{RUN}
"""
    done = shell.python(patched, "push", "dataset", built, "alice/sarchat")
    assert done.returncode == code, done.stderr
    assert done.stderr.count("Upload broke off (RuntimeError: storage out of order)") == 2
    if code:
        assert done.stderr.splitlines()[-1].startswith("Error: ")
        assert "the upload failed (storage out of order)" in done.stderr
    assert hosted(hub, "dataset", "alice/sarchat") == ({} if code else on_disk(built))


@pytest.mark.slow
def test_a_push_that_was_stopped_sends_only_the_rest_when_run_again(hub, shell, built):
    # The Hub accepts content, and then no commit.
    hub.answers = {"POST /api/datasets/alice/sarchat/commit/": [403]}
    shell.fail("dataset", built, "alice/sarchat")
    sent = hub.count("^PUT /lfs/")
    assert sent > 0
    shell.succeed("dataset", built, "alice/sarchat")
    assert hub.count("^PUT /lfs/") == sent
    assert hosted(hub, "dataset", "alice/sarchat") == on_disk(built)


@pytest.mark.slow
def test_a_commit_whose_answer_is_lost_is_not_made_twice(hub, shell, built, tmp_path):
    shell.succeed("dataset", make_build(tmp_path / "old", shards=3), "alice/sarchat")
    hub.lose_commits = 1
    shell.succeed("dataset", built, "alice/sarchat")
    assert hub.repo("dataset", "alice/sarchat").titles == ["initial commit", "Publish SARChat", "Publish SARChat"]
    assert hosted(hub, "dataset", "alice/sarchat") == on_disk(built)


@pytest.mark.slow
def test_a_busy_or_failing_hub_is_asked_again(hub, shell, built):
    hub.answers = {"/commit/": [503, 429], "/preupload/": [502]}
    shell.succeed("dataset", built, "alice/sarchat")
    assert hosted(hub, "dataset", "alice/sarchat") == on_disk(built)


@pytest.mark.slow
def test_a_branch_and_a_pull_request_load_with_the_printed_revision(hub, shell, built, tmp_path):
    shell.succeed("dataset", built, "alice/sarchat")
    count = "print(len(it['train']), it['train'][0]['messages'][0]['content'])"

    on_branch = make_build(tmp_path / "branch", words="Count it.")
    out = shell.succeed("dataset", on_branch, "alice/sarchat", "--revision", "v1.1")
    assert 'revision="v1.1"' in out
    assert run_printed(shell, out, count) == "6 Count it."

    proposed = make_build(tmp_path / "proposed", words="Find it.", shards=1)
    bob = Shell(hub, tmp_path / "bob", token="hf_bob")
    out = bob.succeed("dataset", proposed, "alice/sarchat", "--create-pr")
    assert f"{hub.endpoint}/datasets/alice/sarchat/discussions/1" in out
    assert 'revision="refs/pr/1"' in out
    assert run_printed(bob, out, count) == "6 Find it."
    assert hosted(hub, "dataset", "alice/sarchat", "refs/pr/1") == on_disk(proposed)
    assert hosted(hub, "dataset", "alice/sarchat") == on_disk(built)


@pytest.mark.slow
def test_a_pull_request_is_not_opened_twice(hub, shell, built):
    hub.create("dataset", "alice/sarchat")
    hub.lose_commits = 1
    assert "no connection" in shell.fail("dataset", built, "alice/sarchat", "--create-pr")
    assert [ref for ref in hub.repo("dataset", "alice/sarchat").refs if ref != "main"] == ["refs/pr/1"]


@pytest.mark.slow
def test_a_private_repo_is_private_and_a_public_one_is_left_alone(hub, shell, built, tmp_path):
    shell.succeed("dataset", built, "alice/hidden", "--private")
    assert hub.repo("dataset", "alice/hidden").private
    assert shell.read("alice/hidden")["referring"] == shell.read(built)["referring"]

    hub.create("dataset", "alice/open")
    assert "is public" in shell.fail("dataset", built, "alice/open", "--private")
    assert hosted(hub, "dataset", "alice/open") == {}


@pytest.mark.slow
def test_a_name_alone_is_taken_in_the_tokens_namespace(hub, shell, built):
    assert 'load_dataset("alice/sarchat", "referring")' in shell.succeed("dataset", built, "sarchat")
    assert hosted(hub, "dataset", "alice/sarchat") == on_disk(built)


# The metric


@pytest.mark.slow
def test_a_pushed_metric_scores_like_the_local_one(hub, shell, space):
    out = shell.succeed("metric", space, "alice/sarchat_metric")
    assert hub.repo("space", "alice/sarchat_metric").sdk == "gradio"
    assert hosted(hub, "space", "alice/sarchat_metric") == on_disk(space)
    assert 'evaluate.load("alice/sarchat_metric")' in out
    compute = """
import json
gold = [("referring", "{<1><2><30><40>} (top left)"), ("counting", "There is 1 instance. {<1><2><30><40>}"),
        ("classification", "A ship and a bridge."), ("identification", "A small ship.")]
answers = ["{<1><2><30><41>} (top left)", "There are 2 instances. {<1><2><30><40>}{<50><50><60><60>}", "A ship.", "?"]
print(json.dumps(it.compute(
    predictions=answers, references=[{"task": task, "scenario": "single", "answer": text} for task, text in gold])))
"""
    remote = json.loads(run_printed(shell, out, compute))
    done = shell.python(
        f"import evaluate, sys\nit = evaluate.load(sys.argv[1])\n{compute}", space / "sarchat_metric.py"
    )
    assert done.returncode == 0, done.stderr
    assert remote == json.loads(done.stdout)
    assert remote["referring"] == 100.0
    assert remote["classification"] == 50.0
    assert remote["unparsed"]["identification"] == 1


@pytest.mark.slow
def test_a_proposed_metric_loads_with_the_printed_revision(hub, shell, space):
    hub.create("space", "alice/sarchat_metric", sdk="gradio")
    out = shell.succeed("metric", space, "alice/sarchat_metric", "--create-pr")
    assert run_printed(shell, out, "print(it.name)") == "sar_chat_metric"


def test_a_metric_goes_only_where_evaluate_finds_it(refuse, space):
    assert "looks for scores.py" in refuse("metric", space, "alice/scores")
    assert "name it v1.0.0" in refuse("metric", space, "alice/sarchat_metric", "--revision", "1.0.0")


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("README.md", "---\nsdk: static\n---\n", "sdk is 'static'"),
        ("README.md", "---\nsdk: [\n---\n", "the front matter is not valid"),
        ("README.md", "---\nsdk: gradio\napp_file: main.py\n---\n", "app_file 'main.py' is not a file of the folder"),
        ("README.md", "---\nsdk: gradio\napp_file: ../z.py\n---\n", "app_file '../z.py' is not a file of the folder"),
        ("sarchat_metric.py", "import nothing_of_that_name\n", "does not load and score"),
        ("app.py", None, "no app.py"),
    ],
)
def test_a_metric_that_would_not_work_is_not_pushed(refuse, space, tmp_path, file, text, message):
    (tmp_path / "z.py").write_text("")
    folder = shutil.copytree(space, tmp_path / "sarchat_metric")
    (folder / file).unlink() if text is None else (folder / file).write_text(text)
    reseal(folder)
    assert message in refuse("metric", folder, "alice/sarchat_metric")


def test_a_metric_that_scores_wrong_is_not_pushed(refuse, space, tmp_path):
    folder = shutil.copytree(space, tmp_path / "sarchat_metric")
    script = folder / "sarchat_metric.py"
    wrong = "lambda self, **_: {'referring/single/iou@0.5': 1}"
    script.write_text(f"{script.read_text()}\n\nSARChatMetric._compute = {wrong}\n")
    reseal(folder)
    assert "scores 1, not 50.0" in refuse("metric", folder, "alice/sarchat_metric")


# What is checked before anything is sent


@pytest.mark.slow
def test_a_dry_run_lists_files_and_bytes_and_sends_nothing(hub, shell, built, space):
    shell.token = None
    out = shell.succeed("dataset", built, "alice/sarchat", "--dry-run")
    files = on_disk(built)
    listed = {line.split()[0]: line.split()[-1] for line in out.splitlines()[2 : 2 + len(files)]}
    assert listed == {path: f"{len(data):,}" for path, data in files.items()}
    assert f"{sum(map(len, files.values())):,}" in out
    assert "sarchat_metric.py" in shell.succeed("metric", space, "alice/sarchat_metric", "--dry-run")
    assert hub.log == []


def spoil_byte(folder: Path) -> None:
    file = folder / "referring" / "test-00000-of-00002.parquet"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def lose_two(folder: Path) -> None:
    for file in (folder / "counting").glob("test-*"):
        file.unlink()


def edit_card(old: str, new: str):
    """Return a change of a folder: another card, with checksums that fit it."""

    def edit(folder: Path) -> None:
        card = folder / "README.md"
        card.write_text(card.read_text().replace(old, new))
        reseal(folder)

    return edit


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_byte, "referring/test-00000-of-00002.parquet differs from its checksum"),
        (lose_two, "counting/test-00000-of-00002.parquet is listed, but missing"),
        (lambda folder: (folder / "extra.txt").write_text("x"), "extra.txt is not listed"),
        (lambda folder: (folder / SUMS).write_text("so be it\n"), "line 1 is not a checksum and a path"),
        (lambda folder: (folder / SUMS).unlink(), f"no {SUMS}"),
        (lambda folder: (folder / "README.md").unlink(), "no README.md"),
        (shutil.rmtree, "no such folder"),
        (edit_card("num_examples: 6", "num_examples: 7"), "has 6 rows, but README.md says 7"),
        (edit_card("configs:", "configs: ["), "the front matter is not valid"),
        (edit_card("configs:", "settings:"), "no list of configs"),
        *slow((edit_card("dtype: image", "dtype: picture"), "does not load")),
    ],
)
def test_a_folder_that_is_no_sound_build_is_not_pushed(refuse, built, tmp_path, spoil, message):
    folder = shutil.copytree(built, tmp_path / "sarchat")
    spoil(folder)
    assert message in refuse("dataset", folder, "alice/sarchat")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "app.py").write_text("changed"), "app.py differs from its checksum"),
        (lambda folder: (folder / "examples" / "predictions.jsonl").unlink(), "is listed, but missing"),
        (lambda folder: (folder / "notes.txt").write_text("x"), "notes.txt is not listed"),
        (lambda folder: (folder / SUMS).unlink(), f"no {SUMS}"),
    ],
)
def test_a_metric_that_is_not_as_it_was_written_is_not_pushed(refuse, space, tmp_path, spoil, message):
    folder = shutil.copytree(space, tmp_path / "sarchat_metric")
    spoil(folder)
    assert message in refuse("metric", folder, "alice/sarchat_metric")


@pytest.mark.slow
def test_what_running_the_page_leaves_behind_is_no_part_of_it(shell, space, tmp_path):
    folder = shutil.copytree(space, tmp_path / "sarchat_metric")
    for name in ("__pycache__", ".gradio", "examples/__pycache__"):
        (folder / name).mkdir()
        (folder / name / "x.pyc").write_text("x")
    out = shell.succeed("metric", folder, "alice/sarchat_metric", "--dry-run")
    assert "x.pyc" not in out


@pytest.mark.parametrize("kind", ["dataset", "metric"])
@pytest.mark.parametrize("listed", [True, False])
def test_a_link_out_of_the_folder_is_not_pushed(refuse, built, space, tmp_path, kind, listed):
    """Such as one to a private key."""
    (tmp_path / "id_rsa").write_text("private")
    folder = shutil.copytree(built if kind == "dataset" else space, tmp_path / "sarchat_metric")
    (folder / "notes.txt").symlink_to(tmp_path / "id_rsa")
    if listed:
        reseal(folder)
    assert "notes.txt is a symbolic link" in refuse(kind, folder, "alice/sarchat_metric")


@pytest.mark.parametrize("path", ["../notes.txt", "/etc/hostname", "counting/../../notes.txt"])
def test_a_listed_path_out_of_the_folder_is_not_pushed(refuse, built, tmp_path, path):
    (tmp_path / "notes.txt").write_text("mine")
    folder = shutil.copytree(built, tmp_path / "sarchat")
    content = (folder / path).read_bytes()
    with (folder / SUMS).open("a") as sums:
        sums.write(f"{hashlib.sha256(content).hexdigest()}  {path}\n")
    assert "is listed, but missing" in refuse("dataset", folder, "alice/sarchat")


class Watched(list):
    """A log that calls a function when a line that starts so is added first."""

    def __init__(self, start: str, function) -> None:
        super().__init__()
        self._start, self._function = start, function

    def append(self, line: str) -> None:
        if line.startswith(self._start) and not any(known.startswith(self._start) for known in self):
            self._function()
        super().append(line)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["rebuilt", "touched", "gone"])
def test_a_folder_that_changes_during_a_push_is_not_published(hub, shell, built, tmp_path, change):
    """Else the repo would hold files of two builds, and those of the second unchecked."""
    folder = shutil.copytree(built, tmp_path / "sarchat")
    new = make_build(tmp_path / "new", words="And where is this?")

    def meddle() -> None:
        if change == "rebuilt":
            folder.rename(tmp_path / "old")
            new.rename(folder)
        elif change == "touched":
            spoil_byte(folder)
        else:
            (folder / "README.md").unlink()

    hub.log = Watched("PUT /lfs", meddle)
    done = shell.push("dataset", folder, "alice/sarchat")
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "changed since it was checked" in error or "missing" in error
    assert hub.repo("dataset", "alice/sarchat").titles == ["initial commit"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_killed_push_leaves_no_process(shell, built):
    """Its load check runs in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "push", "dataset", str(built), "alice/sarchat", "--dry-run"], cwd=ROOT
    )
    found: list[int] = []
    while not any(b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in found):
        assert process.poll() is None
        found = children(process.pid)
    process.kill()
    process.wait()
    wait_until(lambda: not any(map(is_running, found)), seconds=20)


def test_a_build_without_image_bytes_is_not_pushed(refuse, tmp_path):
    folder = make_build(tmp_path / "sarchat", embed=False)
    assert "--embed" in refuse("dataset", folder, "alice/sarchat")


@pytest.mark.parametrize("image", [None, {"bytes": None, "path": "/a.png"}, {"bytes": b"", "path": None}])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_build_with_one_record_without_image_bytes_is_not_pushed(refuse, built, tmp_path, image, place):
    folder = shutil.copytree(built, tmp_path / "sarchat")
    path = folder / "referring" / "train-00001-of-00002.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[place]["image"] = image
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path, row_group_size=1, store_schema=False)
    reseal(folder)
    error = refuse("dataset", folder, "alice/sarchat")
    assert f"{path} contains paths instead of images in 1 of " in error and "--embed" in error


@pytest.mark.parametrize(
    "name",
    [
        *(".env", ".netrc", ".git-credentials", ".aws/config", ".hidden.parquet", "id_rsa", "id_ed25519.pub"),
        *("server.pem", "a.KEY", "token", "hf_token.txt", "credentials.json", "secrets.yaml", "keys/prod.env"),
    ],
)
def test_a_file_with_the_name_of_a_secret_is_not_pushed(refuse, built, space, tmp_path, name):
    for kind, source in (("dataset", built), ("metric", space)):
        folder = shutil.copytree(source, tmp_path / kind / "sarchat_metric")
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
        reseal(folder)
        error = refuse(kind, folder, "alice/sarchat_metric")
        assert f"{name} may hold a secret" in error


@pytest.mark.slow
def test_what_the_hub_client_leaves_behind_is_no_part_of_the_build(hub, shell, built, tmp_path):
    folder = shutil.copytree(built, tmp_path / "sarchat")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "state").write_text("x")
    (folder / ".gitattributes").write_text("x")
    shell.succeed("dataset", folder, "alice/sarchat")
    assert hosted(hub, "dataset", "alice/sarchat") == on_disk(built)


@pytest.mark.parametrize("repo_id", ["a/b/c", "alice/--x", "alice/sar chat", "-alice/x", "", "alice/", "alice/x.git"])
def test_a_wrong_repo_id_is_reported_in_one_line(refuse, built, repo_id):
    assert "write NAMESPACE/NAME" in refuse("dataset", built, "--", repo_id)


# What the Hub refuses


def test_without_a_token_nothing_is_tried(hub, shell, built):
    shell.token = None
    line = shell.fail("dataset", built, "alice/sarchat")
    assert "hf auth login" in line
    assert "HF_TOKEN" in line
    assert hub.log == []


@pytest.mark.slow
def test_a_token_that_the_hub_does_not_know(hub, shell, built):
    shell.token = "hf_stranger"
    line = shell.fail("dataset", built, "alice/sarchat")
    assert "401" in line
    assert "hf auth login" in line
    assert "hf_stranger" not in line


@pytest.mark.slow
@pytest.mark.parametrize("exists", [False, True])
def test_a_name_of_another_owner(hub, shell, built, exists):
    if exists:
        hub.create("dataset", "bob/sarchat")
    line = shell.fail("dataset", built, "bob/sarchat")
    assert "403" in line
    assert "another owner" in line
    assert hub.count("^PUT /lfs/") == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("request_line", "status", "message"),
    [
        ("POST /api/repos/create", 402, "payment"),
        ("/commit/", 409, "conflict"),
        ("/commit/", 412, "someone else changed the repo"),
        ("/commit/", 413, "too large"),
        ("GET /api/datasets/alice/sarchat", 500, "the Hub failed"),
    ],
)
def test_what_else_the_hub_refuses(hub, shell, built, request_line, status, message):
    hub.answers = {request_line: [status] * 50}
    line = shell.fail("dataset", built, "alice/sarchat")
    assert str(status) in line
    assert message in line


@pytest.mark.slow
def test_a_missing_branch_to_propose_to(hub, shell, built):
    hub.create("dataset", "alice/sarchat")
    assert "404" in shell.fail("dataset", built, "alice/sarchat", "--create-pr", "--revision", "nowhere")


@pytest.mark.slow
def test_a_card_that_the_hub_refuses(hub, shell, built):
    hub.refuse_card = '"license" must be one of a list'
    assert '"license" must be one of a list' in shell.fail("dataset", built, "alice/sarchat")
    assert hub.repos == {}


@pytest.mark.slow
def test_a_hub_that_cannot_be_reached(hub, shell, built):
    line = shell.fail("dataset", built, "alice/sarchat", HF_ENDPOINT="http://127.0.0.1:9")
    assert "no connection to http://127.0.0.1:9" in line


@pytest.mark.slow
def test_a_client_that_is_kept_offline(hub, shell, built):
    assert "HF_HUB_OFFLINE" in shell.fail("dataset", built, "alice/sarchat", HF_HUB_OFFLINE="1")
    assert hub.log == []
