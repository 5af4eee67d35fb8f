"""The answers file: whole lines whatever happens, one writer, one way of asking."""

import errno
import json

import pytest

from builders.core.errors import SARChatError
from builders.predict.answers import meta_path, open_answers

SETTINGS = {"model": "m", "options": {"limit": None, "temperature": 0.0}, "data": {"fingerprint": "f"}}


def write(path, *ids, settings=SETTINGS):
    with open_answers(path, settings) as answers:
        for record_id in ids:
            answers.append({"id": record_id, "prediction": "text of " + record_id})


def answered(path, settings=SETTINGS):
    with open_answers(path, settings) as answers:
        return set(answers.images)


def test_what_was_written_is_found_again(tmp_path):
    path = tmp_path / "answers.jsonl"
    write(path, "a", "b")
    assert answered(path) == {"a", "b"}
    write(path, "c")
    assert answered(path) == {"a", "b", "c"}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["answers.jsonl", "answers.jsonl.meta.json"]


def test_wherever_a_kill_cuts_the_last_line_it_is_removed(tmp_path):
    path = tmp_path / "answers.jsonl"
    write(path, "first", "sécond")
    whole = path.read_bytes()
    start = whole.index(b"\n") + 1
    for end in range(start, len(whole)):
        path.write_bytes(whole[:end])
        assert answered(path) == {"first"}
        assert path.read_bytes() == whole[:start]


def test_a_kill_before_the_first_answer_or_between_the_two_files(tmp_path):
    path = tmp_path / "answers.jsonl"
    write(path)
    assert path.read_bytes() == b""
    path.unlink()
    other = {**SETTINGS, "model": "another"}
    # No answer was there yet, so nothing would be mixed.
    assert answered(path, other) == set()
    assert json.loads(meta_path(path).read_text())["model"] == "another"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": "n"}, 'made with model "m", not "n"'),
        ({"options": {"limit": None, "temperature": 0.5}}, r"options\.temperature 0\.0, not 0\.5"),
        ({"options": {"limit": 5, "temperature": 0.0}}, r"options\.limit null, not 5"),
        ({"data": {"fingerprint": "g"}}, r'data\.fingerprint "f", not "g"'),
        ({"options": {"limit": None, "temperature": 0.0, "system": "Be brief."}}, r"options\.system null, not \"Be"),
    ],
)
def test_answers_made_in_another_way_are_not_mixed_in(tmp_path, changed, message):
    path = tmp_path / "answers.jsonl"
    write(path, "a")
    before = path.read_bytes(), meta_path(path).read_bytes()
    with pytest.raises(SARChatError, match=message) as error, open_answers(path, {**SETTINGS, **changed}):
        pass
    assert "\n" not in str(error.value)
    assert (path.read_bytes(), meta_path(path).read_bytes()) == before


def test_what_is_not_from_here_is_not_appended_to(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text('{"id": "a", "prediction": "by somebody else"}\n')
    with pytest.raises(
        SARChatError, match=r"but answers\.jsonl\.meta\.json, which says how it was made, does not exist"
    ):
        answered(path)
    for content in ("[]", "{", '{"base_urls": 1}'):
        meta_path(path).write_text(content)
        with pytest.raises(SARChatError, match=r"answers\.jsonl\.meta\.json .* move it away"):
            answered(path)
    path.unlink()
    meta_path(path).unlink()
    write(path, "a")
    for line in ("no JSON", "[]", '{"id": 1, "prediction": ""}', '{"id": "b", "prediction": null}', "[" * 100_000):
        path.write_text(line + "\n")
        with pytest.raises(SARChatError, match="line 1 is not an answer of `sarchat predict`"):
            answered(path)
        assert path.read_text() == line + "\n"


def test_a_second_writer_is_refused(tmp_path):
    path = tmp_path / "answers.jsonl"
    with open_answers(path, SETTINGS) as answers:
        answers.append({"id": "a", "prediction": ""})
        with pytest.raises(SARChatError, match="being written by another process"), open_answers(path, SETTINGS):
            pass
        answers.append({"id": "b", "prediction": ""})
    assert answered(path) == {"a", "b"}


def test_the_sidecar_lists_what_a_run_may_change(tmp_path):
    path = tmp_path / "answers.jsonl"
    for url in ("http://one/v1", "http://two/v1", "http://one/v1"):
        with open_answers(path, SETTINGS) as answers:
            answers.append({"id": url, "prediction": ""})
            answers.note("base_urls", url)
    meta = json.loads(meta_path(path).read_text())
    assert len(meta.pop("checksum")) == 32
    assert meta == {**SETTINGS, "base_urls": ["http://one/v1", "http://two/v1"], "server_models": []}


def test_a_list_of_what_was_seen_has_an_end(tmp_path):
    path = tmp_path / "answers.jsonl"
    with open_answers(path, SETTINGS) as answers:
        for number in range(100):
            answers.note("server_models", f"model {number}")
    assert json.loads(meta_path(path).read_text())["server_models"] == [f"model {number}" for number in range(20)]


@pytest.mark.parametrize("answers", [None, ""])
@pytest.mark.parametrize(
    "content",
    ["somebody's notes", "{}", '{"model": "m", "options": {}}', lambda meta: {**meta, "note": "the good one"}],
)
def test_a_sidecar_of_somebody_elses_or_an_edited_one_is_kept(tmp_path, content, answers):
    path = tmp_path / "answers.jsonl"
    if callable(content):
        write(path)
        content = json.dumps(content(json.loads(meta_path(path).read_text())))
        path.unlink()
    meta_path(path).write_text(content)
    if answers is not None:
        path.write_text(answers)
    with pytest.raises(SARChatError, match="move it away") as error:
        write(path, "a")
    assert "\n" not in str(error.value)
    assert meta_path(path).read_text() == content
    assert (path.read_text() if path.exists() else None) == answers


def test_what_somebody_adds_to_a_sidecar_stays(tmp_path):
    path = tmp_path / "answers.jsonl"
    write(path, "a")
    meta_path(path).write_text(json.dumps({**json.loads(meta_path(path).read_text()), "note": "the good one"}))
    for url in ("http://one/v1", "http://two/v1"):
        with open_answers(path, SETTINGS) as answers:
            answers.note("base_urls", url)
    meta = json.loads(meta_path(path).read_text())
    assert (meta["note"], meta["base_urls"]) == ("the good one", ["http://one/v1", "http://two/v1"])
    # It is still known as edited.
    path.unlink()
    with pytest.raises(SARChatError, match="somebody edited it"):
        write(path, "a")


def test_an_id_with_two_answers_is_named(tmp_path):
    path = tmp_path / "answers.jsonl"
    write(path, "a", "b")
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(SARChatError, match="line 3: id 'a' has an answer in an earlier line"):
        answered(path)


def test_a_setting_that_no_file_can_hold_is_named(tmp_path):
    with pytest.raises(SARChatError, match=r"not UTF-8: '\\udcff'"):
        write(tmp_path / "answers.jsonl", settings={**SETTINGS, "model": "m\udcff"})
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(SARChatError, match="nowhere does not exist"):
        write(tmp_path / "nowhere" / "answers.jsonl")
    with pytest.raises(SARChatError, match="is a folder"):
        write(tmp_path)


def test_a_full_disk_leaves_lines_that_the_next_run_goes_on_from(tmp_path):
    class FullDisk:
        """Takes a part of what is written, as a disk with a few bytes left."""

        def __init__(self, stream, room):
            self.stream, self.room = stream, room

        def write(self, data):
            if self.room == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            taken = self.stream.write(data[: self.room])
            self.room -= taken
            return taken

        def close(self):
            self.stream.close()

    path = tmp_path / "answers.jsonl"
    for room in range(0, 200, 7):
        path.unlink(missing_ok=True)
        kept = []
        with (
            pytest.raises(SARChatError, match="No space left on device; make room"),
            open_answers(path, SETTINGS) as answers,
        ):
            answers._stream = FullDisk(answers._stream, room)
            for number in range(100):
                answers.append({"id": str(number), "prediction": "x" * 20})
                kept.append(str(number))
        assert answered(path) == set(kept)
