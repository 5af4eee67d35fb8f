"""Any engine in the table builds the same bytes, and nothing else needs to know it."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
from types import SimpleNamespace

import faulty_storage
import pytest
from corpora import plain_corpus
from oracle import EVERY_TASK as TASKS
from support import ROOT, build, refusal, tree

from builders.build import plan
from builders.build.engines import ENGINES
from builders.build.options import BuildOptions
from builders.core.errors import SARChatError


class Elsewhere(SimpleNamespace):
    """An engine that sends what it gets through pickle, ends the jobs in reverse order, and writes down its calls."""

    def __init__(self) -> None:
        super().__init__(checked=[], asked=[], sent=[], closed=0)

    def check(self, address):
        self.checked.append(address)

    def run(self, work, jobs, num_proc, address, advance):
        self.asked.append((len(jobs), num_proc, address))
        try:
            for job in reversed(jobs):
                self.sent.append(pickle.dumps((work, job)))
                away, other = pickle.loads(self.sent[-1])
                yield job, away(other, lambda images: None)
        finally:
            self.closed += 1


@pytest.fixture
def engine(monkeypatch) -> Elsewhere:
    engine = Elsewhere()
    monkeypatch.setitem(ENGINES.included, "elsewhere", engine)
    return engine


@pytest.fixture
def corpus(tmp_path):
    return plain_corpus(tmp_path)


def test_another_engine_builds_the_same_bytes(tmp_path, monkeypatch, corpus, engine):
    monkeypatch.setattr(plan, "SHARD_RECORDS", 1)
    build(corpus, tmp_path / "here")
    build(corpus, tmp_path / "away", BuildOptions(engine="elsewhere", num_proc=5, address="host:1"))
    assert tree(tmp_path / "away") == tree(tmp_path / "here")
    assert (engine.asked, engine.closed) == ([(14, 5, "host:1")], 1)
    assert set(engine.checked) == {"host:1"}


def test_command_has_every_engine(tmp_path, corpus, engine):
    from builders.cli.command import main

    main(["build", str(corpus), "--out", str(tmp_path / "out"), "--no-pictures", "--engine", "elsewhere"])
    assert engine.asked == [(6, None, None)]


def test_engine_is_closed_when_an_image_is_damaged(tmp_path, corpus, engine):
    (corpus / "JPEGImages" / "test" / "0000006.jpg").write_bytes(b"none")
    with pytest.raises(SARChatError, match=r"0000006\.jpg"):
        build(corpus, tmp_path / "out", BuildOptions(engine="elsewhere"))
    assert engine.closed == 1
    assert not (tmp_path / "out").exists()


def test_two_jobs_share_the_files_of_a_shard(tmp_path, corpus, engine):
    """In halves, so that two workers are busy however many images a split has."""
    build(corpus, tmp_path / "out", BuildOptions(engine="elsewhere"))
    jobs = [pickle.loads(sent)[1] for sent in engine.sent]
    for split in ("train", "validation", "test"):
        first, second = (job for job in jobs if job.split == split)
        assert sorted([*first.paths, *second.paths]) == sorted(TASKS) and len(first.paths) in (3, 4)
        assert first.start == second.start and first.count == second.count == first.counted + second.counted
    # The longest jobs come first; this engine turns them round.
    assert [job.count for job in jobs] == sorted(job.count for job in jobs)


def test_a_build_into_a_folder_imports_nothing_of_object_storage_or_clusters(tmp_path, corpus):
    code = """
import sys
from builders.cli.command import main
main(["build", sys.argv[1], "--no-pictures", "--out", sys.argv[2]])
print([name for name in sys.modules if name.partition(".")[0] in ("ray", "s3fs") or "build.scale" in name])
"""
    command = [sys.executable, "-c", code, str(corpus), str(tmp_path / "out")]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_job_has_its_images_with_it_and_refuses_other_versions(tmp_path, monkeypatch, corpus, engine):
    """So no worker needs a file of the machine that planned the build."""
    build(corpus, tmp_path / "out", BuildOptions(engine="elsewhere"))
    # By now, the index is gone.
    jobs = [pickle.loads(sent)[1] for sent in engine.sent]
    assert sum(job.counted for job in jobs) == 7 and all(len([*job.images()]) == job.count for job in jobs)
    again = pickle.loads(pickle.dumps(jobs[0]))
    assert again == jobs[0] and again.own_index() == jobs[0].own_index()
    monkeypatch.setattr(plan.pa, "__version__", "0.1")
    with pytest.raises(SARChatError, match=r"^a worker has pyarrow 0\.1, but the build was planned with "):
        pickle.loads(engine.sent[0])


@pytest.mark.parametrize("in_storage", [False, True])
def test_no_image_and_no_credential_is_sent(tmp_path, monkeypatch, corpus, engine, in_storage):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    place = tmp_path / "out"
    build(corpus, faulty_storage.reset() if in_storage else place, BuildOptions(engine="elsewhere"))
    images = [path for path in corpus.rglob("*") if path.suffix in (".jpg", ".png", ".bmp")]
    assert len(images) == 7 and len(engine.sent) == 6
    for sent in engine.sent:
        assert b"wJalrXUtnFEMI" not in sent
        assert not any(path.read_bytes()[-64:] in sent for path in images)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("name", ["processes", "elsewhere"])
def test_bar_counts_every_image_once(tmp_path, monkeypatch, corpus, engine, name):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    build(corpus, tmp_path / "out", BuildOptions(engine=name))
    assert "| 7/7 " in terminal.getvalue()


def test_unknown_engine_is_refused_with_the_known_ones(tmp_path, capsys, corpus):
    error = refusal(capsys, "build", corpus, "--out", tmp_path / "out", "--engine", "spark")
    assert "'spark'" in error
    assert all(name in error for name in ENGINES)


def test_address_without_a_cluster_is_refused(tmp_path, capsys, corpus):
    error = refusal(capsys, "build", corpus, "--out", tmp_path / "out", "--address", "auto")
    assert "--address auto" in error and "--engine" in error
    assert not (tmp_path / "out").exists()


def test_secret_in_a_url_is_not_sent_to_a_cluster(tmp_path, capsys, engine):
    source = "https://someone:hidden@localhost:1/corpus.zip"
    options = ["--out", tmp_path / "out", "--engine", "elsewhere", "--address", "host:1"]
    error = refusal(capsys, "build", source, *options)
    assert "password" in error and "hidden" not in error
    assert engine.asked == []
