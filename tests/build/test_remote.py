"""A build in object storage has the bytes of a local one, whatever fails on the way, and touches nothing else."""

from __future__ import annotations

import gzip
import json
import re
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import faulty_storage
import fsspec
import pytest
from corpora import noisy_pictures, write_corpus
from faulty_storage import FaultyStorage, stored
from fsspec.registry import _registry
from PIL import Image
from support import build, refusal, slow, tree

from builders.build import plan
from builders.build.options import BuildOptions
from builders.build.scale.object_folder import ObjectFolder
from builders.core.errors import SARChatError
from builders.corpus.source import Source

TASKS = ("counting", "referring")
JOBS = 6
OPTIONS = BuildOptions(tasks=TASKS)
PLAN = ".building/plan.json"
RECEIPT = re.compile(r"\.building/[0-9a-f]{32}/[a-z]+-[0-9a-f]{32}\.json\.gz")


@pytest.fixture(scope="module", autouse=True)
def small_shards():
    """Several jobs in a split."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "SHARD_RECORDS", 5)
        yield


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("corpus"))


def write_pictures(folder: Path) -> Path:
    return write_corpus(folder, noisy_pictures(4, side=32) | noisy_pictures(2, side=32, split="test"))


@pytest.fixture(scope="module")
def local(corpus, tmp_path_factory) -> dict[str, str]:
    """The files of a local build."""
    out = tmp_path_factory.mktemp("local") / "sarchat"
    build(corpus, out, OPTIONS)
    return tree(out)


@pytest.fixture
def url() -> str:
    return faulty_storage.reset()


def fail(number: int, error: BaseException):
    def hook(request):
        if request.number == number:
            raise error

    return staticmethod(hook)


def state(url: str, local: dict[str, str]) -> str:
    """Return how far a build in storage is, having checked that every object in it is whole."""
    objects = {name: checksum for name, checksum in stored(url).items() if not name.startswith(".building/")}
    assert objects.items() <= local.items()
    if "SHA256SUMS" in objects:
        assert objects == local
    return "finished" if "SHA256SUMS" in objects else "unfinished"


def test_same_bytes_as_a_local_build(corpus, local, url):
    report = build(corpus, url, OPTIONS)
    assert stored(url) == local
    assert report.total_bytes == sum(size for size in sizes(url).values())


def sizes(url: str) -> dict[str, int]:
    fs, root = fsspec.core.url_to_fs(url)
    return {path: entry["size"] for path, entry in fs.find(root, detail=True).items()}


def test_objects_come_before_their_receipts_and_the_checksums_last(corpus, url):
    build(corpus, url, OPTIONS)
    names = [request.path.partition("/sarchat/")[2] for request in FaultyStorage.requests]
    assert names[0] == PLAN and FaultyStorage.requests[0].kind == "create"
    assert names[-4:-1] == ["build.json", "README.md", "SHA256SUMS"]
    assert FaultyStorage.requests[-1].kind == "remove"
    receipts = [place for place, name in enumerate(names[:-1]) if RECEIPT.fullmatch(name)]
    assert len(receipts) > 4
    for start, end in zip([0, *receipts], receipts, strict=False):
        assert end - start > 1 and all(name.endswith(".parquet") for name in names[start + 1 : end])


def count_requests(corpus: Path) -> int:
    return len(kinds_of_requests(corpus))


def kinds_of_requests(corpus: Path) -> list[str]:
    build(corpus, faulty_storage.reset(), OPTIONS)
    return [request.kind for request in FaultyStorage.requests]


# The quick tests try a request of each kind; the requests of all jobs are alike.
@pytest.mark.parametrize(("moment", "step"), [("before", 8), ("after", 5), *slow(("before", 1), ("after", 1))])
def test_build_that_failed_at_any_request_is_resumed(corpus, local, moment, step):
    """Before a request, or after it took effect, when its answer is lost."""
    kinds = kinds_of_requests(corpus)
    for number in range(0, len(kinds), step):
        url = faulty_storage.reset()
        setattr(FaultyStorage, moment, fail(number, PermissionError("denied")))
        if kinds[number] == "create" and moment == "after":
            # It is there after the error.
            build(corpus, url, OPTIONS)
            continue
        with pytest.raises(SARChatError, match=r"^cannot (write|remove) faulty://\S+: PermissionError: denied"):
            build(corpus, url, OPTIONS)
        is_finished = state(url, local) == "finished"
        done = sum(bool(RECEIPT.fullmatch(name)) for name in stored(url))
        FaultyStorage.requests.clear()
        FaultyStorage.before = FaultyStorage.after = staticmethod(lambda request: None)
        if is_finished:
            with pytest.raises(SARChatError, match="holds a finished build"):
                build(corpus, url, OPTIONS)
        else:
            build(corpus, url, OPTIONS)
            written = sum(bool(RECEIPT.search(request.path)) for request in FaultyStorage.requests[:-1])
            assert written == JOBS - done
        assert stored(url) == local


@pytest.mark.parametrize(("moment", "step"), [("before", 13), ("after", 15), *slow(("before", 1), ("after", 1))])
def test_killed_build_is_resumed(corpus, local, moment, step):
    """What is no `Exception` passes every handler, as the end of a process does."""
    total = count_requests(corpus)
    for number in range(1, total, step):
        url = faulty_storage.reset()
        setattr(FaultyStorage, moment, fail(number, KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            build(corpus, url, OPTIONS)
        assert state(url, local) == "unfinished" or number >= total - 2
        FaultyStorage.before = FaultyStorage.after = staticmethod(lambda request: None)
        if state(url, local) == "unfinished":
            build(corpus, url, OPTIONS)
            assert stored(url) == local


@pytest.mark.parametrize("step", [13, *slow(1)])
def test_two_builds_at_once_end_with_the_same_bytes(corpus, local, step):
    """A second one runs from start to end between two requests of the first one, whichever these are."""
    total = count_requests(corpus)
    for number in range(0, total, step):
        url = faulty_storage.reset()

        def run_another(request, url=url, number=number):
            if request.number == number:
                FaultyStorage.before = staticmethod(lambda request: None)
                try:
                    build(corpus, url, OPTIONS)
                except SARChatError as error:
                    assert "finished build" in str(error) and number >= total - 2

        FaultyStorage.before = staticmethod(run_another)
        build(corpus, url, OPTIONS)
        assert stored(url) == local


def steps_of(corpus: Path) -> list[str]:
    steps: list[str] = []
    url = faulty_storage.reset()
    FaultyStorage.step = staticmethod(steps.append)
    build(corpus, url, OPTIONS)
    return steps


def run_at_step(number: int, action) -> list[str]:
    """Call `action` once, before a step of the build that runs next; return the steps, as they are made."""
    steps: list[str] = []

    def step(request):
        steps.append(request)
        if len(steps) == number + 1:
            FaultyStorage.step = staticmethod(lambda request: None)
            action()
            FaultyStorage.step = staticmethod(steps.append)

    FaultyStorage.step = staticmethod(step)
    return steps


@pytest.mark.parametrize("is_equal", [True, False])
@pytest.mark.parametrize("step", [29, *slow(1)])
def test_driver_that_stops_at_any_step_while_another_runs_to_its_end(corpus, local, step, is_equal):
    """Two equal builds both end well; of two different ones, one ends and the other is refused."""
    others = local if is_equal else None
    options = OPTIONS if is_equal else replace(OPTIONS, seed=1)
    if others is None:
        build(corpus, url := faulty_storage.reset(), options)
        others = stored(url)
    steps = steps_of(corpus)
    (last,) = (place for place, name in enumerate(steps) if name.startswith("create") and "SHA256SUMS" in name)
    for number in range(0, len(steps), step):
        url = faulty_storage.reset()
        ended: list[str] = []

        def run_another(url=url, ended=ended):
            with suppress(SARChatError):
                build(corpus, url, options)
                assert stored(url) == others
                ended.append("other")

        run_at_step(number, run_another)
        with suppress(SARChatError):
            build(corpus, url, OPTIONS)
            ended.append("own")
        # Before the first step, it sees a finished build; after the last one, the other does.
        if is_equal and 0 < number <= last:
            assert ended == ["other", "own"], number
        elif not is_equal or number == 0:
            assert len(ended) == 1, number
        assert ended, number
        assert stored(url) == (others if "other" in ended else local), number


@pytest.mark.parametrize(("moments", "step"), [([2], 9), *slow(([1, 2, 3], 1))])
def test_driver_that_is_killed_after_another_one_has_ended_leaves_a_whole_build(corpus, moments, step):
    """It dies at every step that it makes after the other build's end, whichever step that was at."""
    options = replace(OPTIONS, seed=1)
    build(corpus, url := faulty_storage.reset(), options)
    others = stored(url)
    for number in moments:
        for survived in range(0, 12, step):
            url = faulty_storage.reset()

            def run_another_and_die_later(url=url, survived=survived):
                with suppress(SARChatError):
                    build(corpus, url, options)
                left = iter(range(survived))

                def die(request):
                    if next(left, None) is None:
                        raise KeyboardInterrupt

                FaultyStorage.before = staticmethod(die)

            run_at_step(number, run_another_and_die_later)
            with suppress(KeyboardInterrupt, SARChatError):
                build(corpus, url, OPTIONS)
            FaultyStorage.before = FaultyStorage.step = staticmethod(lambda request: None)
            if "SHA256SUMS" in stored(url):
                assert others.items() <= stored(url).items()
                with pytest.raises(SARChatError, match="holds a finished build"):
                    build(corpus, url, options)
                assert stored(url) == others


def test_build_that_another_command_finishes_meanwhile(corpus, url, local, monkeypatch):
    """The other one removes the receipts that this one has listed and is about to read, and whose jobs it runs then."""
    FaultyStorage.before = fail(10, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        build(corpus, url, OPTIONS)
    list_once, listed = ObjectFolder.list, []

    def list_then_finish(folder):
        listed.append(list_once(folder))
        # The first list only says that there is a build.
        if len(listed) == 2:
            assert any(map(RECEIPT.fullmatch, listed[-1]))
            monkeypatch.undo()
            build(corpus, url, OPTIONS)
        return listed[-1]

    monkeypatch.setattr(ObjectFolder, "list", list_then_finish)
    build(corpus, url, OPTIONS)
    assert len(listed) == 2 and stored(url) == local


def test_lasting_failure_ends_in_one_line(corpus, url, local):
    def fail_for_good(request):
        if "referring/test" in request.path:
            raise ConnectionResetError("cut")

    FaultyStorage.before = staticmethod(fail_for_good)
    with pytest.raises(SARChatError, match=r"^cannot write faulty://\S+/referring/test-\S+: ConnectionResetError: cut"):
        build(corpus, url, OPTIONS)
    assert state(url, local) == "unfinished"


def test_damaged_image_ends_it_unrepeated(corpus, url, tmp_path, local):
    damaged = write_pictures(tmp_path)
    image = max((damaged / "JPEGImages/train").iterdir())
    good = image.read_bytes()
    image.write_bytes(b"no image")
    reads = []
    with pytest.MonkeyPatch.context() as patch:
        read = Source.read
        patch.setattr(Source, "read", lambda self, name: reads.append(name) or read(self, name))
        with pytest.raises(SARChatError, match=rf"{image.name} is not a readable image"):
            build(damaged, url, OPTIONS)
    assert sum(name.endswith(image.name) for name in reads) == 1
    assert state(url, local) == "unfinished" and any("train" in name for name in stored(url))
    image.write_bytes(good)
    build(damaged, url, OPTIONS)
    assert stored(url) == local


def test_image_that_was_replaced_meanwhile_is_read_again(url, tmp_path):
    corpus = write_pictures(tmp_path)
    image = min((corpus / "JPEGImages/train").iterdir())
    FaultyStorage.before = fail(7, PermissionError("denied"))
    with pytest.raises(SARChatError):
        build(corpus, url, OPTIONS)
    Image.new("L", (32, 32)).save(image)
    build(corpus, url, OPTIONS)
    build(corpus, tmp_path / "local", OPTIONS)
    assert stored(url) == tree(tmp_path / "local")


def test_object_of_another_size_is_no_part_of_a_build(corpus, url, local):
    def cut(request):
        if request.path.endswith("README.md"):
            fs = fsspec.filesystem("faulty")
            fs.store[request.path] = type(fs.store[request.path])(fs, request.path, b"half")

    FaultyStorage.after = staticmethod(cut)
    with pytest.raises(SARChatError, match=r"README.md: OSError: it has 4 bytes after it was written, not \d+"):
        build(corpus, url, OPTIONS)
    assert state(url, local) == "unfinished" and "README.md" not in stored(url)
    FaultyStorage.after = staticmethod(lambda request: None)
    build(corpus, url, OPTIONS)
    assert stored(url) == local


def test_object_that_is_gone_or_cut_is_written_again(corpus, url, local):
    FaultyStorage.before = fail(7, PermissionError("denied"))
    with pytest.raises(SARChatError):
        build(corpus, url, OPTIONS)
    fs, root = fsspec.core.url_to_fs(url)
    first, second, *_ = sorted(fs.glob(f"{root}/referring/*"))
    fs.rm_file(first)
    fs.pipe_file(second, b"half")
    changed, *_, emptied = sorted(fs.glob(f"{root}/.building/*/*.json.gz"))
    content = bytearray(fs.cat_file(changed))
    content[len(content) // 2] ^= 1
    fs.pipe_file(changed, bytes(content))
    fs.pipe_file(emptied, b"")
    FaultyStorage.before = staticmethod(lambda request: None)
    build(corpus, url, OPTIONS)
    assert stored(url) == local


def test_object_of_the_same_size_and_another_checksum_is_written_again(corpus, url, local, caplog):
    FaultyStorage.before = fail(7, PermissionError("denied"))
    with pytest.raises(SARChatError):
        build(corpus, url, OPTIONS)
    fs, root = fsspec.core.url_to_fs(url)
    path = min(fs.glob(f"{root}/referring/*"))
    fs.pipe_file(path, bytes(fs.size(path)))
    FaultyStorage.before = staticmethod(lambda request: None)
    build(corpus, url, OPTIONS)
    assert stored(url) == local
    assert any("2 of 6 jobs are kept, whose objects have the sizes and checksums" in text for text in caplog.messages)


@pytest.mark.parametrize("number", [2, 10])
def test_prefix_that_is_emptied_while_a_build_runs(corpus, url, local, number):
    def empty(request):
        if request.number == number:
            fs, root = fsspec.core.url_to_fs(url)
            FaultyStorage.before = staticmethod(lambda request: None)
            fs.rm([*fs.find(root)])

    FaultyStorage.before = staticmethod(empty)
    with pytest.raises(SARChatError, match=r"holds objects as of a build, such as \S+, but no \S+; remove them"):
        build(corpus, url, OPTIONS)
    with pytest.raises(SARChatError, match=r"holds objects as of a build, such as \S+, but no \S+; remove them"):
        build(corpus, url, OPTIONS)
    fs, root = fsspec.core.url_to_fs(url)
    fs.rm([*fs.find(root)])
    build(corpus, url, OPTIONS)
    assert stored(url) == local


def test_object_that_disappears_at_the_end_is_named(corpus, url):
    def remove_one(request):
        fs, root = fsspec.core.url_to_fs(url)
        path = f"{root}/referring/test-00000-of-00001.parquet"
        if len(fs.glob(f"{root}/.building/*/*.json.gz")) == JOBS and fs.exists(path):
            fs.rm_file(path)

    FaultyStorage.after = staticmethod(remove_one)
    with pytest.raises(SARChatError, match=r"referring/test-00000-of-\S+ was removed or changed while the build ran"):
        build(corpus, url, OPTIONS)
    assert "SHA256SUMS" not in stored(url)


@pytest.mark.parametrize(
    ("change", "named"),
    [({"seed": 1}, "seed"), ({"tasks": ("counting",)}, "cut, tasks"), ({"check_images": True}, "check_images")],
)
def test_plan_of_another_build_is_refused(corpus, url, change, named):
    FaultyStorage.before = fail(5, PermissionError("denied"))
    with pytest.raises(SARChatError):
        build(corpus, url, OPTIONS)
    before = stored(url)
    with pytest.raises(SARChatError, match=rf"plan.json is the plan of another build.*: {named} differs; .*--out$"):
        build(corpus, url, replace(OPTIONS, **change))
    assert stored(url) == before


def test_other_versions_are_another_plan(corpus, url, monkeypatch):
    FaultyStorage.before = fail(5, PermissionError("denied"))
    with pytest.raises(SARChatError):
        build(corpus, url, OPTIONS)
    monkeypatch.setattr(plan.pa, "__version__", "0.1")
    with pytest.raises(SARChatError, match=r"another build.*: versions differs"):
        build(corpus, url, OPTIONS)


@pytest.mark.parametrize("name", ["notes.txt", "sarchat/data.bin", "referring/train.parquet"])
def test_foreign_objects_are_left_alone(corpus, url, name):
    fsspec.filesystem("faulty").pipe_file(f"{url}/{name}", b"mine")
    FaultyStorage.requests.clear()
    with pytest.raises(SARChatError, match=rf"holds objects of something else, such as \S+/{re.escape(name)}; "):
        build(corpus, url, OPTIONS)
    assert [*stored(url)] == [name] and not FaultyStorage.requests


def test_foreign_object_in_an_unfinished_build_is_refused(corpus, url):
    FaultyStorage.before = fail(5, PermissionError("denied"))
    with pytest.raises(SARChatError):
        build(corpus, url, OPTIONS)
    fsspec.filesystem("faulty").pipe_file(f"{url}/model.bin", b"mine")
    with pytest.raises(SARChatError, match=r"something else, such as \S+/model.bin"):
        build(corpus, url, OPTIONS)


def test_finished_build_is_refused_and_neighbours_do_not_matter(corpus, url, local):
    fsspec.filesystem("faulty").pipe_file(f"{url}-2/notes.txt", b"mine")
    build(corpus, url, OPTIONS)
    with pytest.raises(SARChatError, match=r"holds a finished build.*new prefix with --out$"):
        build(corpus, url, replace(OPTIONS, seed=3))
    assert stored(url) == local


@pytest.mark.parametrize(
    ("out", "options", "message"),
    [
        ("memory://a/b", {}, "cannot build into memory://a/b: --out is a folder's path, or a URL of object storage"),
        ("file:///a/b", {}, "cannot build into file:///a/b: --out is a folder's path"),
        ("s3://a/b", {"embed": False}, "--no-embed stores paths of this machine.*build with --embed"),
        ("hf://buckets/me/sarchat", {}, "cannot build into hf://buckets/me/sarchat: .*sarchat push"),
        ("https://server/sarchat", {}, "cannot build into https://server/sarchat: "),
        ("ftp://me:secret@server/sarchat", {}, "has a password in it; storage takes credentials from the environment"),
        ("nothing://a/b", {}, "cannot open nothing://a/b: ValueError: Protocol not known: nothing"),
    ],
)
def test_places_that_cannot_be_written_to_are_refused(corpus, out, options, message):
    with pytest.raises(SARChatError, match=message) as refused:
        build(corpus, out, replace(OPTIONS, **options))
    assert "secret" not in str(refused.value)


def test_storage_without_its_package_names_the_extra(corpus, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(_registry, "s3", raising=False)
    assert "pip install '.[s3]'" in refusal(capsys, "build", corpus, "--out", "s3://bucket/sarchat")


def test_plan_and_receipts_have_no_path_image_or_annotation_of_this_machine(corpus, url):
    FaultyStorage.before = fail(9, PermissionError("denied"))
    with pytest.raises(SARChatError):
        build(corpus, url, OPTIONS)
    fs, root = fsspec.core.url_to_fs(url)
    content = json.loads(fs.cat_file(f"{root}/{PLAN}"))
    assert content["tasks"] == list(TASKS) and content["versions"]["pyarrow"]
    contents = map(fs.cat_file, fs.find(f"{root}/.building"))
    texts = [(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode() for content in contents]
    assert len(texts) > 3 and not any(str(corpus.parent) in text or "/tmp" in text for text in texts)
    assert max(fs.sizes(fs.find(f"{root}/.building"))) < 20_000
