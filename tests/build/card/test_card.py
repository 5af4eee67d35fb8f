import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from built_fixture import sample_build, sample_corpus
from datasets import Features, load_dataset
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard, DatasetCardData
from PIL import Image
from support import tree

from builders.build.card.metadata import size_category
from builders.build.options import BuildOptions
from builders.build.pipeline import build
from builders.core.schema import TASKS
from builders.data.reader import open_build
from sarchat_dataset import FEATURES

SECTIONS = [
    "Dataset Description",
    "Dataset Structure",
    "Dataset Creation",
    "Considerations for Using the Data",
    "Additional Information",
]
SIZES = ["n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M"]


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        *((999, "n<1K"), (1_000, "1K<n<10K"), (999_999, "100K<n<1M"), (1_958_246, "1M<n<10M"), (10**7, "10M<n<100M")),
        *((10**8, "100M<n<1B"), (2 * 10**9, "1B<n<10B"), (10**12 - 1, "100B<n<1T"), (10**12, "n>1T")),
    ],
)
def test_the_size_class_is_the_hubs(rows, name):
    assert size_category(rows) == name


def read_card(folder: Path) -> DatasetCard:
    return DatasetCard.load(folder / "README.md")


@pytest.fixture(scope="module", params=["whole", "two tasks", "one split", "paths only"])
def folder(request) -> Path:
    return {
        "whole": sample_build,
        "two tasks": lambda: sample_build(("description", "referring")),
        "one split": lambda: sample_build((), ("test",)),
        "paths only": lambda: sample_build(("counting",), ("train", "test"), embed=False),
    }[request.param]()


def test_front_matter_is_what_the_hub_and_datasets_read(folder):
    data = read_card(folder).data
    assert isinstance(data, DatasetCardData)
    # Whatever the client's class knows, it took; what it does not know would be a misspelling.
    known = {*vars(DatasetCardData()), "license", "tags", "language", "dataset_info", "configs"}
    assert set(data.to_dict()) <= known
    assert data.license in ("cc-by-nc-4.0", "apache-2.0")
    assert data.size_categories[0] in SIZES
    configs = MetadataConfigs.from_dataset_card_data(data)
    infos = DatasetInfosDict.from_dataset_card_data(data)
    assert list(configs) == list(infos)
    assert configs.get_default_config_name() == "all"
    assert all(info.features == Features(FEATURES) for info in infos.values())


def test_counts_are_those_of_the_files(folder):
    made = open_build(folder)
    for info in read_card(folder).data.dataset_info:
        for split in info["splits"]:
            assert split["num_examples"] == made.count(info["config_name"], split["name"])
    text = read_card(folder).text
    total = sum(made.count(task, split) for task in made.tasks for split in made.splits(task))
    assert f"\n{total:,} conversations about" in text
    for task in (*TASKS, "all"):
        row = re.search(rf"^\| `{task}` \|( [\d,]+ \|)+$", text, re.MULTILINE)
        if task in (*made.tasks, "all"):
            counts = [made.count(task, split) for split in made.splits()]
            assert row[0] == f"| `{task}` | {' | '.join(f'{count:,}' for count in [*counts, sum(counts)])} |"
        else:
            assert row is None


def test_sections_and_examples(folder):
    text = read_card(folder).text
    made = open_build(folder)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert not re.search(r"\$\w", text)
    for task in set(made.tasks):
        record_id = re.search(rf"^{task.capitalize()}, `({task}/\w+/\d+/\d+)`:$", text, re.MULTILINE)[1]
        record = made.record_with_id(task, record_id)
        for message in record["messages"]:
            assert f"\n{message['role']}: {message['content']}\n" in text


@pytest.mark.slow
@pytest.mark.parametrize("parts", [{}, {"splits": ("test",)}, {"tasks": ("counting",), "embed": False}], ids=str)
def test_every_picture_is_shown_with_a_caption(parts):
    folder = sample_build(**parts, pictures=True)
    shown = re.findall(r"!\[(.+)\]\((pictures/\w+\.png)\)", read_card(folder).text)
    assert {path for _, path in shown} == {
        path.relative_to(folder).as_posix() for path in folder.glob("pictures/*.png")
    }
    assert len(shown) >= 2 and all(len(caption) > 20 for caption, _ in shown)


def test_the_example_of_all_columns_is_a_record(folder):
    text = read_card(folder).text
    shown = re.search(r"```python\n(\{'id'.+?)\n```", text, re.DOTALL)[1]
    shown = eval(re.sub(r"<PIL.Image.Image size=(\d+)x(\d+)>", r"(\1, \2)", shown), {})
    assert list(shown) == list(FEATURES)
    record = open_build(folder).record_with_id(shown["task"], shown["id"])
    assert shown.pop("image") == (record["width"], record["height"])
    assert shown == {key: value for key, value in record.items() if key != "image"}


def test_both_papers_and_all_origins_are_named():
    text = read_card(sample_build()).text
    assert "@article{ma2025sarchat" in text and "@inproceedings{li2024sardet" in text
    for origin in "AIR-SARShip HRSID MSAR SADD SAR-AIRcraft ShipDataset SSDD OGSOD SIVED".split():
        assert origin in text


def test_a_part_says_so():
    text = read_card(sample_build(("description", "referring"))).text
    assert "without classification, counting, grounding, identification, presence and dialogue." in text
    assert "| `counting` |" not in text
    assert "A part of the whole" not in read_card(sample_build()).text


def test_paths_only_says_so():
    text = read_card(sample_build(("counting",), ("train", "test"), embed=False)).text
    assert "For one machine only" in text and "--no-embed" in text
    assert "validation" in re.search(r"made without (.+)\.", text.replace("\n> ", " "))[1]
    assert "For one machine only" not in read_card(sample_build()).text


def test_only_the_sample_is_called_synthetic(tmp_path):
    build(sample_corpus(), tmp_path / "out", BuildOptions(tasks=["classification"], pictures=False))
    card = read_card(tmp_path / "out")
    assert "ynthetic sample" not in card.text and card.data.license == "cc-by-nc-4.0"
    sample = read_card(sample_build())
    assert "Synthetic sample" in sample.text and sample.data.license == "apache-2.0"


@pytest.mark.slow
def test_same_bytes_whatever_the_name_of_the_folder(tmp_path):
    build(sample_corpus(), tmp_path / "other-name", BuildOptions(num_proc=2, sample=True))
    assert tree(tmp_path / "other-name") == tree(sample_build(pictures=True))


def test_snippet_loads(folder, monkeypatch, tmp_path):
    text = read_card(folder).text
    config = re.search(r'load_dataset\("sarchat", "(\w+)"\)', text)[1]
    (tmp_path / "sarchat").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    loaded = load_dataset("sarchat", config, cache_dir=str(tmp_path / "cache"))
    for split, dataset in loaded.items():
        assert dataset.num_rows == open_build(folder).count(config, split)
    assert dataset[0]["image"].size == (dataset[0]["width"], dataset[0]["height"])


@pytest.mark.slow
def test_build_without_matplotlib(tmp_path):
    script = (
        "import sys; sys.modules['matplotlib'] = None; from builders.cli.command import main; "
        f"main(['build', {str(sample_corpus())!r}, '--out', {str(tmp_path / 'out')!r}])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if "matplotlib" in line]
    assert len(lines) == 1 and "pip install '.[pictures]'" in lines[0]
    assert not (tmp_path / "out" / "pictures").exists()
    assert "pictures/" not in (tmp_path / "out" / "README.md").read_text()


def test_front_matter_is_plain_yaml():
    block = (sample_build() / "README.md").read_text(encoding="utf-8").split("---\n")[1]
    assert json.dumps(yaml.safe_load(block))


def test_images_of_records_open():
    made = open_build(sample_build())
    record = made.record("all", "test", 0)
    assert Image.open(io.BytesIO(record["image"].read())).size == (record["width"], record["height"])
