import json
import re
import shutil
import statistics
from collections import Counter

import pytest
from built_fixture import sample_build, sample_corpus
from support import build, refusal

from builders.build.options import BuildOptions
from builders.cli.command import main
from builders.core.schema import IN_ALL
from builders.core.tables import write_tables
from builders.corpus.info import DEFAULT, known_corpus
from builders.data.analysis.paper import read_paper_statistics, read_test_sizes, tabulate_comparison
from builders.data.analysis.statistics import add_up, compute_statistics, count_texts, describe_texts
from builders.data.analysis.targets import read_targets
from builders.data.reader import Build, open_build
from builders.tasks.geometry import SHAPES, shape

PUBLISHED = {"train": 198_747, "test": 24_203}


@pytest.fixture(scope="module")
def sample_figures():
    return compute_statistics(open_build(sample_build()))


def annotated(split: str) -> list[tuple[str, float, float]]:
    """Category, width and height of every box of the sample that counts, straight from the COCO file."""
    name = "val" if split == "validation" else split
    coco = json.loads(next(sample_corpus().rglob(f"{name}.json")).read_text())
    names = {entry["id"]: entry["name"] for entry in coco["categories"]}
    images = {entry["id"]: entry for entry in coco["images"]}
    boxes, seen = [], set()
    for entry in coco["annotations"]:
        (x, y, w, h), image = entry["bbox"], images[entry["image_id"]]
        key = (entry["image_id"], entry["category_id"], x, y, w, h)
        right, bottom = min(x + w, image["width"]), min(y + h, image["height"])
        left, top = max(x, 0), max(y, 0)
        if w > 0 and h > 0 and right > left and bottom > top and key not in seen:
            if not entry.get("iscrowd") and not entry.get("ignore"):
                seen.add(key)
                boxes.append((names[entry["category_id"]], right - left, bottom - top))
    return boxes


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_figures_are_those_of_the_annotations(sample_figures, split):
    figures = sample_figures[split]
    boxes = annotated(split)
    counts = Counter(category for category, _, _ in boxes)
    assert figures.boxes == {category: counts[category] for category in known_corpus(DEFAULT).names}
    for measured, ratios in (
        (figures.aspect_ratio, [w / h for _, w, h in boxes]),
        (figures.inverse_ratio, [h / w for _, w, h in boxes]),
    ):
        assert measured["mean"] == pytest.approx(statistics.fmean(ratios))
        assert measured["median"] == pytest.approx(statistics.median(ratios))
        assert measured["sd"] == pytest.approx(statistics.pstdev(ratios))
    for category, described in figures.by_category.items():
        ratios = [w / h for name, w, h in boxes if name == category]
        assert described["boxes"] == len(ratios)
        assert described["mean"] == pytest.approx(statistics.fmean(ratios))
        assert described["median"] == pytest.approx(statistics.median(ratios))
        assert described["sd"] == pytest.approx(statistics.pstdev(ratios))
        low = 100 * sum(ratio <= 0.67 for ratio in ratios) / len(ratios)
        high = 100 * sum(ratio > 1.5 for ratio in ratios) / len(ratios)
        assert (described["low"], described["middle"], described["high"]) == pytest.approx(
            (low, 100 - low - high, high)
        )


@pytest.mark.parametrize("task", ["classification", "grounding", "referring", "counting", "identification"])
def test_any_task_with_every_target_gives_the_same_figures(sample_figures, task):
    whole = open_build(sample_build())
    alone = Build(whole.location, {"all": whole.configs[task], task: whole.configs[task]}, whole.info)
    for split, figures in compute_statistics(alone).items():
        expected = sample_figures[split]
        assert figures.boxes == expected.boxes
        assert figures.aspect_ratio == pytest.approx(expected.aspect_ratio)
        assert figures.records == {task: expected.records[task]}


def test_records_follow_from_the_counting_rules(sample_figures):
    made = open_build(sample_build())
    for split, figures in sample_figures.items():
        targets_of_image = Counter()
        for batch in made.batches("grounding", split, ["file_name", "objects"], rows=3):
            for row in batch.to_pylist():
                targets_of_image[row["file_name"]] += len(row["objects"]["category"])
        assert figures.records["identification"] == sum(n**2 for n in targets_of_image.values())
        assert figures.records["classification"] == figures.records["grounding"] == len(targets_of_image)
        assert figures.records["counting"] == figures.records["referring"]
        assert figures.records["all"] == sum(figures.records[task] for task in IN_ALL)


def test_the_paper_s_figures_agree_with_each_other():
    paper = read_paper_statistics()
    for split, total in PUBLISHED.items():
        assert sum(paper["boxes"][split].values()) == total
        assert list(paper["boxes"][split]) == list(known_corpus(DEFAULT).names)
        misprint = 90 if split == "test" else 0
        records = dict(paper["records"][split])
        assert sum(records.values()) - records["all"] == records["all"] + misprint
        for described in paper["aspect_ratio_by_category"][split].values():
            assert described["low"] + described["middle"] + described["high"] == pytest.approx(100, abs=0.02)


def test_the_weights_of_eq_4_add_up_to_the_paper_s_total():
    assert list(read_test_sizes()) == list(IN_ALL)
    assert sum(read_test_sizes().values()) == read_paper_statistics()["records"]["test"]["all"] == 226_636


def test_output_has_each_figure_beside_the_paper_s(sample_figures, capsys):
    main(["stats", str(sample_build())])
    lines = capsys.readouterr().out.splitlines()
    ship = next(line for line in lines if line.startswith("ship "))
    train, validation, test = (sample_figures[split].boxes["ship"] for split in ("train", "validation", "test"))
    # A small build has no differences: it would be a wall of minus signs.
    assert ship.split() == ["ship", str(train), "93,373", str(validation), str(test), "10,741"]
    assert "differs" not in lines[1]
    everything = next(line for line in lines if line.startswith("all "))
    assert everything.split()[2] == "1,836,912"
    assert any("width / height" in line and "Table 4" in line for line in lines)
    assert max(map(len, lines)) <= 120
    assert not any("Not in this build" in line for line in lines)


def test_partial_builds_are_reported(capsys):
    main(["stats", str(sample_build(("description", "referring")))])
    output = capsys.readouterr().out
    assert "Not in this build: train of classification, counting, grounding, identification." in output
    assert "\nship " in output and "93,373" in output
    main(["stats", str(sample_build(("description",)))])
    output = capsys.readouterr().out
    assert "No built task of train contains every target" in output
    assert read_targets(open_build(sample_build(("description",))), "train") is None


def test_one_split_shows_no_other(capsys):
    main(["stats", str(sample_build((), ("test",)))])
    header = capsys.readouterr().out.splitlines()[1]
    assert header.split() == ["category", "test", "paper's", "test"]


def test_validation_alone_has_nothing_to_compare_with(tmp_path):
    build(sample_corpus(), tmp_path / "out", BuildOptions(splits=["validation"], tasks=["classification"]))
    output = write_tables(tabulate_comparison(compute_statistics(open_build(tmp_path / "out")), known_corpus(DEFAULT)))
    assert "paper's" not in output.split("\n\nShapes")[0] and "category  validation" in output


def test_no_image_is_needed(tmp_path):
    shutil.copytree(sample_build(("counting",), ("train", "test"), embed=False), tmp_path / "out")
    assert compute_statistics(open_build(tmp_path / "out"))["test"].boxes


def test_wrong_folder_gets_one_line(capsys, tmp_path):
    assert "no such file or folder" in refusal(capsys, "stats", tmp_path / "nothing")
    assert "sarchat build" in refusal(capsys, "stats", tmp_path)


def test_words_and_sentences_by_the_stated_rule():
    counted = describe_texts(Counter({" There are 3 well-lit ships.   Where? It's here": 2, "  ": 1}))
    assert counted.words == 2 * 8 and counted.sentences == 2 * 3 and counted.messages == 3
    assert counted.frequencies["well-lit"] == counted.frequencies["it's"] == 2
    assert [word for word, _ in counted.most_common(9)] == ["3", "it's", "ships", "well-lit"]


def test_texts_are_those_of_the_records():
    made = open_build(sample_build())
    texts = [
        message["content"]
        for task in IN_ALL
        for batch in made.batches(task, "test", ["messages"], rows=7)
        for row in batch.to_pylist()
        for message in row["messages"]
    ]
    counted = count_texts(made, "test")
    assert counted.messages == len(texts) == 2 * 129
    plain = [re.sub(r"\{<[^{}]*\}|^\[[a-z]+\]", " ", text) for text in texts]
    assert counted.words == sum(len(re.sub(r"[^\w'-]+", " ", text).split()) for text in plain)
    assert add_up([counted, counted]).frequencies["ship"] == 2 * counted.frequencies["ship"]


def test_shapes_are_those_of_the_records(sample_figures):
    for split, figures in sample_figures.items():
        counts = Counter(shape((0.0, 0.0, w, h)) for _, w, h in annotated(split))
        assert figures.shapes == {name: counts[name] for name in SHAPES}


def test_differences_are_in_percent_where_the_build_is_of_full_size(sample_figures):
    paper = read_paper_statistics()
    small = sample_figures["test"]
    boxes = {name: round(count * 1.1) for name, count in paper["boxes"]["test"].items()}
    records = {name: round(count * 0.9) for name, count in paper["records"]["test"].items()}
    tables = {
        table.title: table
        for table in tabulate_comparison({"test": small._replace(boxes=boxes, records=records)}, known_corpus(DEFAULT))
    }
    for title, percent in (("Boxes per category (Table 1)", 10), ("Records per task (Table 5)", -10)):
        assert tables[title].header[-1] == "test differs by %"
        assert all(row[-1].value == pytest.approx(percent, abs=0.3) for row in tables[title].rows)
    shares = tables["Share of boxes per category in % (Figures 5, 6)"].rows
    assert sum(row[2].value for row in shares) == pytest.approx(100)
    assert shares[0][2].value == pytest.approx(44.38, abs=0.005)  # as Figure 6 prints it


def test_the_paper_s_average_length_is_words_per_message():
    texts, records = read_paper_statistics()["texts"], read_paper_statistics()["records"]
    messages = 2 * sum(records[split]["all"] for split in ("train", "test"))
    assert texts["words"] / messages == pytest.approx(texts["average_length"], abs=0.005)


def test_every_format_has_the_numbers(capsys):
    main(["stats", str(sample_build()), "--format", "json"])
    tables = {table["title"]: table["rows"] for table in json.loads(capsys.readouterr().out)["tables"]}
    assert tables["Boxes per category (Table 1)"][0]["paper's train"] == 93373
    for style in ("csv", "latex", "markdown"):
        main(["stats", str(sample_build()), "--format", style])
        assert "93373" in capsys.readouterr().out.replace(",", "")
