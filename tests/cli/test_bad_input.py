"""Each wrong input ends with one clear line and exit code 1; nothing is written, and an older build stays."""

from __future__ import annotations

import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from corpora import Picture, plain_corpus, plain_pictures, write_corpus, zip_corpus
from support import build, refusal, slow, tree

from builders.build.options import BuildOptions
from builders.cli import command as cli


class Place:
    """A good corpus to spoil, a folder to write to, and what a build printed."""

    def __init__(self, top: Path, run: Callable, good: Path, older: Path | None) -> None:
        self.top, self._run = top, run
        self.corpus = shutil.copytree(good, top / "source" / good.name)
        (top / "place").mkdir()
        self.out = top / "place" / "sarchat"
        if older:
            shutil.copytree(older, self.out)

    def annotations(self, split: str = "train") -> Path:
        return self.corpus / "Annotations" / f"{split}.json"

    def edit(self, change: Callable[[dict], object], split: str = "train") -> None:
        coco = json.loads(self.annotations(split).read_text())
        change(coco)
        self.annotations(split).write_text(json.dumps(coco))

    def zip(self, **options) -> Path:
        return zip_corpus(self.corpus, self.top / "corpus.zip", **options)

    def check_refused(self, *arguments: object, pattern: str = "", source: object = None, out: object = None) -> str:
        """Build, which must change nothing; return the printed line."""
        before = tree(self.top)
        left = sorted(self.out.parent.iterdir())
        code, text = self._run("build", source or self.corpus, "--out", self.out if out is None else out, *arguments)
        assert code == 1, text
        assert re.fullmatch(r"Error: [^\n]+\n", text)
        assert re.search(pattern, text), text
        assert tree(self.top) == before
        assert sorted(self.out.parent.iterdir()) == left
        return text


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    """A good corpus."""
    return plain_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def older(tmp_path_factory, good) -> Path:
    """A good build."""
    out = tmp_path_factory.mktemp("older") / "sarchat"
    build(good, out, BuildOptions(tasks=["counting"]))
    return out


@pytest.fixture(params=["older", *slow("empty")])
def place(request, tmp_path, capsys, good, older) -> Place:
    """A place where the command is called in this process, which is quick; an older build is there, or nothing."""

    def run(*arguments: object) -> tuple[int, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            cli.main(list(map(str, arguments)))
        return caught.value.code, capsys.readouterr().err

    return Place(tmp_path, run, good, older if request.param == "older" else None)


@pytest.mark.slow
def test_bad_input_ends_a_process_in_the_same_way(tmp_path, sarchat_process, good, older):
    def run(*arguments: object) -> tuple[int, str]:
        result = sarchat_process(*arguments)
        assert result.stdout == ""
        return result.returncode, result.stderr

    place = Place(tmp_path, run, good, older)
    shutil.rmtree(place.corpus / "Annotations")
    place.check_refused(pattern="Annotations")


@pytest.mark.slow
def test_bad_input_found_by_a_worker_ends_in_the_same_way(tmp_path, sarchat_process, good, older):
    def run(*arguments: object) -> tuple[int, str]:
        result = sarchat_process(*arguments)
        return result.returncode, result.stderr

    place = Place(tmp_path, run, good, older)
    (place.corpus / "JPEGImages" / "train" / "0000002.png").write_bytes(b"no image")
    place.check_refused("--num-proc", 2, pattern=r"0000002\.png")


# The source


def test_source_that_does_not_exist(place):
    place.check_refused(source=place.top / "nowhere", pattern="nowhere")


def test_empty_source(place):
    (place.top / "empty").mkdir()
    place.check_refused(source=place.top / "empty", pattern="empty.*Annotations")


def test_source_that_is_a_file(place):
    place.check_refused(source=place.annotations(), pattern=r"train\.json")


def test_no_source_at_all(tmp_path, sarchat):
    result = sarchat("build", "--out", tmp_path / "out")
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(r"Error: [^\n]*SOURCE[^\n]*\n", result.stderr)


URL = "s3://bucket/sarchat"


def test_url_where_a_folder_is_needed_is_named_as_it_is(capsys):
    error = refusal(capsys, "push", "dataset", URL, "me/data", "--dry-run")
    assert f"{URL} is not on this machine" in error and "copy it" in error


@pytest.mark.parametrize(
    "url", ["nosuch://host/corpus", "http://", "https:///x.zip", "hf://", "file:///nowhere", "://x"]
)
def test_url_that_cannot_be_opened(place, url):
    place.check_refused(source=url)


def test_no_annotations(place):
    shutil.rmtree(place.corpus / "Annotations")
    place.check_refused(pattern="Annotations")


def test_annotations_of_no_split(place):
    for split in ("train", "val", "test"):
        place.annotations(split).rename(place.annotations(f"{split}_labels"))
    place.check_refused(pattern="Annotations/{train,val,test}.json")


def test_annotations_that_are_a_file(place):
    shutil.rmtree(place.corpus / "Annotations")
    (place.corpus / "Annotations").write_text("{}")
    place.check_refused(pattern="Annotations")


def test_no_target_at_all(place):
    for split in ("train", "val", "test"):
        place.edit(lambda coco: coco["annotations"].clear(), split)
    place.check_refused(pattern="target")


def test_split_that_the_corpus_lacks(place):
    place.annotations("val").unlink()
    # Images without annotations would be named in a warning.
    shutil.rmtree(place.corpus / "JPEGImages" / "val")
    place.check_refused("--split", "validation", pattern="validation")


# The annotation file

TEXTS = {
    "empty": b"",
    "cut off": None,
    "no JSON": b"<html>404</html>",
    "no text": b"\xff\xfe\x00\x01\x80",
    "not UTF-8": b'{"images": ["\xff\xff"]}',
    "deep": b"[" * 200_000,
    "deep object": b'{"a":' * 200_000,
    "a list": b"[]",
    "null": b"null",
    "a number": b"1e999",
    "a huge number": b"9" * 5000,
    "an empty object": b"{}",
    "lists that are none": b'{"images": {}, "annotations": {}, "categories": {}}',
    "null lists": b'{"images": null, "annotations": null, "categories": null}',
    "entries that are none": b'{"images": [1], "annotations": [], "categories": []}',
    "entries that are lists": b'{"images": [[]], "annotations": [[]], "categories": [[]]}',
    "entries that are null": b'{"images": [null], "annotations": [null], "categories": [null]}',
    "no categories": b'{"images": [], "annotations": []}',
}


@pytest.mark.parametrize("kind", TEXTS)
def test_annotation_file_that_is_no_coco(place, kind):
    text = TEXTS[kind] if TEXTS[kind] is not None else place.annotations().read_bytes()[:-50]
    place.annotations().write_bytes(text)
    place.check_refused(pattern=r"train\.json")


@pytest.mark.parametrize("split", ["val", "test"])
def test_fault_of_any_split_is_found(place, split):
    place.annotations(split).write_text("{")
    place.check_refused(pattern=rf"{split}\.json")


NOT_IDS = [None, "", 1.5, True, [1], {}, float("nan"), float("inf"), 10**30]


IDS = [
    *(("images", "id"), ("annotations", "id"), ("annotations", "image_id"), ("annotations", "category_id")),
    ("categories", "id"),
]


# Every value somewhere, and in every place two of them.
@pytest.mark.parametrize(
    ("listed", "key", "value"),
    [(*IDS[number % len(IDS)], NOT_IDS[number % len(NOT_IDS)]) for number in range(2 * len(IDS))],
)
def test_id_that_is_no_whole_number(place, listed, key, value):
    place.edit(lambda coco: coco[listed][0].update({key: value}))
    place.check_refused(pattern=r"train\.json")


@pytest.mark.parametrize(
    ("listed", "key"),
    [
        *(("images", "id"), ("images", "file_name")),
        *(("annotations", "id"), ("annotations", "image_id"), ("annotations", "category_id"), ("annotations", "bbox")),
        *(("categories", "id"), ("categories", "name")),
    ],
)
def test_entry_that_lacks_a_key(place, listed, key):
    place.edit(lambda coco: coco[listed][0].pop(key))
    place.check_refused(pattern=rf"train\.json.*{key}")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda coco: coco["images"][0].update(filename=coco["images"][0].pop("file_name")), "mean 'filename'"),
        (
            lambda coco: coco["annotations"][0].update(bbox=[1, 2, 3, 4, 5]),
            "bbox .*, five numbers as of",
        ),
        (lambda coco: coco.update(annotation=coco.pop("annotations")), "no list 'annotations' .*mean 'annotation'"),
        (lambda coco: coco.pop("categories"), "no list 'categories'; its keys are 'images, type, annotations'"),
    ],
)
def test_a_fault_of_the_content_is_not_taken_for_a_broken_file(place, change, told):
    place.edit(change)
    line = place.check_refused(pattern=rf"train\.json.*{told}")
    assert not re.search("valid JSON|truncated|download|SARDet-100K's", line)


@pytest.mark.parametrize(
    ("key", "value"),
    [*zip(["iscrowd", "ignore"] * 5, ["no", "", 2, "2", -1, 0.5, [], {}, [0], float("nan")], strict=True)],
)
def test_mark_that_is_neither_true_nor_false(place, key, value):
    place.edit(lambda coco: coco["annotations"][0].update({key: value}))
    place.check_refused(pattern=rf"train\.json: annotation 0 has '{key}'")


@pytest.mark.parametrize("value", [0, -5, 2**40, 256.5, "256", True, [256]])
@pytest.mark.parametrize("key", ["width", "height"])
def test_image_side_that_is_none(place, key, value):
    place.edit(lambda coco: coco["images"][0].update({key: value}))
    place.check_refused(pattern=r"0000001\.jpg")


@pytest.mark.parametrize(
    "bbox",
    [
        *([], [1, 2, 3], [1, 2, 3, 4, 5], None, "1 2 3 4", {"x": 1}, 7, [1, 2, 3, None], ["1", 2, 3, 4]),
        *([True, 1, 2, 3], [[1], 2, 3, 4], [float("nan"), 1, 2, 3], [1, float("inf"), 2, 3], [1, 2, float("-inf"), 3]),
        *([1, 2, 3, 10**400], [1e308, 1, 1e308, 1], [10**30, 1, 10**30, 1]),
    ],
)
def test_box_that_is_not_four_finite_numbers(place, bbox):
    place.edit(lambda coco: coco["annotations"][0].update(bbox=bbox))
    place.check_refused(pattern=r"train\.json.*annotation 0\b")


def test_number_beyond_all_floats(place):
    place.annotations().write_text(place.annotations().read_text().replace("[20, 30, 60, 40]", "[20, 30, 60, 1e400]"))
    place.check_refused(pattern="annotation 0")


def test_category_id_that_is_not_in_categories(place):
    place.edit(lambda coco: coco["annotations"][0].update(category_id=77))
    place.check_refused(pattern="77")


def test_all_unknown_categories_are_named_with_their_boxes(place):
    place.edit(lambda coco: coco["categories"][0].update(name="Airplain"), "train")
    place.edit(lambda coco: coco["categories"][1].update(name="windmill"), "train")
    place.edit(lambda coco: coco["categories"][0].update(name="oil rig"), "test")
    # Of this one there is no box.
    place.edit(lambda coco: coco["categories"][1].update(name="lighthouse"), "test")
    line = place.check_refused(pattern=r"train\.json, .*test\.json: ")
    told = "'Airplain' (did you mean 'airplane'?) in 2 boxes, 'oil rig' in 2 boxes, 'windmill' in 2 boxes; to build"
    assert told in line and "--rename" in line and "--drop" in line and "lighthouse" not in line


@pytest.mark.parametrize("name", ["submarine", "", None, 3, ["ship"]])
def test_category_that_is_none_of_the_six(place, name):
    place.edit(lambda coco: coco["categories"][0].update(name=name))
    place.check_refused(pattern=r"train\.json")


def test_annotation_of_an_unknown_image(place):
    place.edit(lambda coco: coco["annotations"][0].update(image_id=4711))
    place.check_refused(pattern="4711")


def test_images_with_one_id(place):
    place.edit(lambda coco: coco["images"][1].update(id=coco["images"][0]["id"]))
    place.check_refused(pattern="more than once")


@pytest.mark.parametrize("name", ["0000001.jpg", "0000001.png"])
def test_images_whose_records_would_share_ids(place, name):
    place.edit(lambda coco: coco["images"][1].update(file_name=name))
    place.check_refused(pattern=re.escape(name))


def test_categories_with_one_id(place):
    place.edit(lambda coco: coco["categories"][1].update(id=coco["categories"][0]["id"]))
    place.check_refused(pattern="more than once")


# The images

OUTWARD = [
    *("../../etc/passwd", "../train/0000001.jpg", "a/../../0000001.jpg", "..", ".", "", "/etc/passwd", "//host/x.jpg"),
    *("C:\\x.jpg", "C:/x.jpg", "..\\x.jpg", "a\\..\\..\\x.jpg", "\\x.jpg", "x\0.jpg", "./0000001.jpg", "a//b.jpg"),
    "a/",
]


@pytest.mark.parametrize("sign", ["\n", "\r", "\x1b", "\x7f", "\x85", "\u2028"])
def test_file_name_with_a_control_character(place, sign):
    place.edit(lambda coco: coco["images"][0].update(file_name=f"0000001`{sign}<b>.jpg"))
    place.check_refused(pattern=r"train\.json.*control character")


@pytest.mark.parametrize(
    ("name", "zipped"),
    [
        *((name, False) for name in [*OUTWARD, None, 5, ["x.jpg"], {"a": 1}, True]),
        ("../../etc/passwd", True),
        (5, True),
    ],
)
def test_file_name_that_leads_out_of_the_image_folder(place, name, zipped):
    place.edit(lambda coco: coco["images"][0].update(file_name=name))
    place.check_refused(source=place.zip() if zipped else None, pattern=r"train\.json")


@pytest.mark.parametrize("name", ["../JPEGImages/train/0000001.jpg", "/0000001.jpg"])
def test_outward_name_in_a_zip_is_refused_though_the_zip_holds_it(place, name):
    archive = place.zip(top=False)
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(name, (place.corpus / "JPEGImages" / "train" / "0000001.jpg").read_bytes())
        file.writestr(f"JPEGImages/train/{name}", b"x")
    place.edit(lambda coco: coco["images"][0].update(file_name=name))
    rewritten = place.top / "rewritten.zip"
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(rewritten, "w") as new:
        for entry in old.infolist():
            if entry.filename != "Annotations/train.json":
                new.writestr(entry.filename, old.read(entry))
        new.writestr("Annotations/train.json", place.annotations().read_bytes())
    place.check_refused(source=rewritten, pattern=re.escape(name))


def test_missing_image_is_named(place):
    (place.corpus / "JPEGImages" / "train" / "0000002.png").unlink()
    assert "more" not in place.check_refused(pattern=r"0000002\.png")


@pytest.mark.parametrize("zipped", [False, True])
def test_missing_images_are_counted(place, zipped):
    shutil.rmtree(place.corpus / "JPEGImages" / "train")
    (place.corpus / "JPEGImages" / "train").mkdir()
    (place.corpus / "JPEGImages" / "train" / "other.jpg").write_bytes(b"")
    source = place.zip() if zipped else None
    place.check_refused(source=source, pattern=r"0000001\.jpg.*\b2 more")


def test_no_image_folder(place):
    shutil.rmtree(place.corpus / "JPEGImages")
    place.check_refused(pattern="JPEGImages")


def test_image_that_is_a_folder(place):
    path = place.corpus / "JPEGImages" / "train" / "0000002.png"
    path.unlink()
    path.mkdir()
    place.check_refused(pattern=r"0000002\.png")


def test_image_that_is_a_dangling_link(place):
    path = place.corpus / "JPEGImages" / "train" / "0000002.png"
    path.unlink()
    path.symlink_to("nowhere")
    place.check_refused(pattern=r"0000002\.png")


@pytest.mark.parametrize(
    "content", [b"", b"no image", b"\x89PNG\r\n\x1a\n", b"BM" + bytes(100), b"\xff\xd8\xff" + bytes(9)]
)
@pytest.mark.parametrize("embed", ["--embed", "--no-embed"])
def test_image_that_is_none(place, content, embed):
    (place.corpus / "JPEGImages" / "train" / "0000002.png").write_bytes(content)
    place.check_refused(embed, pattern=r"0000002\.png")


def test_image_of_another_size_than_its_annotation_says(place):
    place.edit(lambda coco: coco["images"][1].update(width=301))
    place.check_refused(pattern=r"0000002\.png.*300 x 240.*301 x 240")


def test_image_that_was_garbled_is_found_by_decoding(tmp_path, place):
    pictures = {"train": [Picture("0000001.png", 256, 256, [("ship", 1, 1, 50, 50)], noise=True)]}
    corpus = write_corpus(tmp_path / "noise", pictures)
    path = corpus / "JPEGImages" / "train" / "0000001.png"
    content = bytearray(path.read_bytes())
    content[30_000:31_000] = bytes(1000)
    path.write_bytes(content)
    place.check_refused("--check-images", source=corpus, pattern=r"0000001\.png")


# The zip


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + bytes(50), b"PK\x05\x06" + bytes(18)])
def test_zip_that_is_none(place, content):
    (place.top / "corpus.zip").write_bytes(content)
    place.check_refused(source=place.top / "corpus.zip", pattern=r"corpus\.zip")


def test_zip_that_was_cut_off(place):
    archive = place.zip()
    archive.write_bytes(archive.read_bytes()[:-300])
    place.check_refused(source=archive, pattern=r"corpus\.zip")


@pytest.mark.parametrize("name", ["0000001.jpg", "train.json"])
def test_zip_with_a_garbled_file(place, name):
    archive = place.zip(method=zipfile.ZIP_STORED)
    with zipfile.ZipFile(archive) as file:
        (entry,) = (entry for entry in file.infolist() if entry.filename.endswith(name))
    content = bytearray(archive.read_bytes())
    start = entry.header_offset + 30 + len(entry.filename) + entry.file_size // 2
    content[start : start + 20] = bytes(b ^ 0x55 for b in content[start : start + 20])
    archive.write_bytes(content)
    place.check_refused(source=archive, pattern=re.escape(name))


def test_zip_with_a_file_that_cannot_be_inflated(place):
    archive = place.zip()
    with zipfile.ZipFile(archive) as file:
        (entry,) = (entry for entry in file.infolist() if entry.filename.endswith("train.json"))
    content = bytearray(archive.read_bytes())
    start = entry.header_offset + 30 + len(entry.filename)
    content[start : start + entry.compress_size] = b"\xff" * entry.compress_size
    archive.write_bytes(content)
    place.check_refused(source=archive, pattern=r"train\.json")


def test_zip_that_is_encrypted(place):
    archive = place.zip()
    content = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(signature, at + 4)
    archive.write_bytes(content)
    place.check_refused(source=archive, pattern="encrypted|password")


def test_zip_of_something_else(place):
    archive = place.top / "corpus.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("holiday/photo.jpg", b"x")
    place.check_refused(source=archive, pattern="Annotations")


def test_zip_has_no_paths_to_store(place):
    place.check_refused("--no-embed", source=place.zip(), pattern="embed")


# The command


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--task", "captioning"], ["--task", ""], ["--task", "Referring"], ["--task", "all"], ["--split", "dev"]),
        *(["--split", "trian"], ["--num-proc", "0"], ["--num-proc", "-2"], ["--num-proc", "two"], ["--seed", "x"]),
        *(["--seed", "1.5"], ["--seed", ""], ["--sample"], ["--nonsense"], ["another-source"], ["--task"]),
    ],
)
def test_wrong_argument(place, arguments):
    place.check_refused(*arguments, pattern=re.escape(arguments[-1].lstrip("-")))


def test_unknown_command(sarchat):
    result = sarchat("biuld")
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(r"Error: [^\n]*biuld[^\n]*\n", result.stderr)


# The output


def test_out_that_is_a_file(place):
    (place.top / "file").write_text("mine")
    place.check_refused(out=place.top / "file", pattern="file")


@pytest.mark.parametrize("out", ["nowhere/sarchat", "file/sarchat"])
def test_out_whose_parent_is_no_folder(place, out):
    (place.top / "file").write_text("mine")
    place.check_refused(out=place.top / out, pattern="folder")


@pytest.mark.parametrize("inner", [".", ".."])
def test_out_that_is_the_source_or_holds_it(place, inner):
    place.check_refused(out=place.corpus / inner, pattern="would be replaced")


@pytest.mark.parametrize("inner", ["Annotations", "JPEGImages", "JPEGImages/train"])
def test_out_that_is_a_part_of_the_source(place, inner):
    place.check_refused(out=place.corpus / inner, pattern="something other than")


def test_out_that_holds_something_else(place):
    (place.top / "mine").mkdir()
    (place.top / "mine" / "thesis.tex").write_text("dear")
    place.check_refused(out=place.top / "mine", pattern="something other than")


@pytest.mark.parametrize("sums", ["", "no sums\n", "\xff\xfe", f"{'0' * 64}  ../../other\n"])
def test_out_with_a_file_named_like_the_sums(place, sums):
    mine = place.top / "mine"
    mine.mkdir()
    (mine / "SHA256SUMS").write_bytes(sums.encode("latin-1"))
    (mine / "thesis.tex").write_text("dear")
    place.check_refused(out=mine, pattern="something other than")


@pytest.mark.parametrize("out", ["/", "x" * 300])
def test_out_that_cannot_be_a_folder(place, out):
    place.check_refused(out=out if out == "/" else place.top / "place" / out)


def test_out_inside_the_source_leaves_the_source_as_it_was(place):
    before = tree(place.corpus)
    place.out = place.corpus / "sarchat"
    build(place.corpus, place.out)
    first = tree(place.out)
    build(place.corpus, place.out)
    assert tree(place.out) == first
    assert {name: digest for name, digest in tree(place.corpus).items() if not name.startswith("sarchat/")} == before


def test_name_that_no_text_can_hold_is_reported(place):
    """Names on disk are bytes; one that is no UTF-8 has no place in a record."""
    name = os.fsdecode(b"\xff.jpg")
    (place.corpus / "JPEGImages" / "train" / "0000001.jpg").rename(place.corpus / "JPEGImages" / "train" / name)
    place.edit(lambda coco: coco["images"][0].update(file_name=name))
    place.check_refused(pattern=r"train")


def test_good_corpus_is_built_at_the_same_place(place):
    """What the tests above spoil is good before."""
    assert plain_pictures()
    build(place.corpus, place.out)
    build(place.zip(top=False), place.out)
    assert place.out.is_dir()
