"""The metric's page in a browser: `python app.py` from the written folder, driven through Chromium."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from browser import WAIT, browser_marks, launching, opening
from page_server import serving_page
from PIL import Image

from sarchat_metric import score

pytestmark = browser_marks(("gradio",), "space")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving_page(tmp_path_factory.mktemp("page")) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with launching() as browser:
        yield browser


@pytest.fixture(params=["light", "dark"])
def page(request, browser, server):
    """The page as it opens; nothing may be fetched from elsewhere, and no script may fail."""
    with opening(browser, server, 1280, request.param) as (page, asked):
        page.wait_for_selector("#result svg")
        yield page
    assert all(url.startswith((server, "data:", "blob:")) for url in asked)


def choose(page, title: str) -> None:
    page.get_by_label("Example").click()
    page.get_by_role("option", name=title).click()


def wait_for(page, selector: str, text: str) -> str:
    """Wait until an element shows a text, and return all that it shows."""
    from playwright.sync_api import expect

    expect(page.locator(selector)).to_contain_text(text, timeout=WAIT)
    return " ".join(page.locator(selector).inner_text().split())


def shoot(page, tmp_path: Path, name: str) -> None:
    page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
    with Image.open(tmp_path / f"{name}.png") as image:
        assert np.asarray(image.convert("L")).std() > 5, "an empty page"


def test_examples_show_what_was_read_drawn_and_scored(page, tmp_path):
    choose(page, "Grounding: a cell and a category mixed up")
    shown = wait_for(page, "#result", "grounding/position")
    assert "35.0 %" in shown and "1 right, 2 wrong, 2 missed" in shown
    assert "✗ harbor, bottom right" in shown and "no match (0.90)" in shown and "✓ gold 2" in shown
    assert page.locator("#task input:checked").input_value() == "grounding"
    assert page.locator("#gold textarea").input_value().startswith("This is the layout")
    assert page.locator("#result svg .box.gold").count() == page.locator("#result svg .box.read").count() == 3
    shoot(page, tmp_path, "grounding")

    for title, key, mean in (
        ("Classification: one found", "classification/accuracy", "33.3 %"),
        ("Description: one phrase right", "description/phrases", "50.0 %"),
        ("Counting: an answer that was cut off", "counting/count", "66.7 %"),
        ("Identification: a pair", "identification/multi/accuracy", "0.0 %"),
        ("Referring: the only target", "referring/single/iou@0.5", "100.0 %"),
    ):
        choose(page, title)
        assert mean in wait_for(page, "#result", key)
    shoot(page, tmp_path, "referring")


def test_a_broken_answer_and_a_broken_gold(page, tmp_path):
    answer, gold = page.locator("#answer textarea"), page.locator("#gold textarea")
    width = page.locator("#gold").bounding_box()["width"]
    answer.fill("{<251><265><323 <script>alert(1)</script> {{#each}} ${alert(2)}")
    shown = wait_for(page, "#result", "Nothing that this task scores can be read from the answer")
    assert "0.0 %" in shown and "0 right, 0 wrong, 3 missed" in shown
    shoot(page, tmp_path, "broken")

    answer.fill("{<251><265><323><342>}" * 300)
    shown = wait_for(page, "#result", "Of 300 boxes in the answer, the first 200 are drawn.")
    assert "1 right, 299 wrong, 2 missed" in shown

    gold.fill("nowhere <img src=x onerror=alert(3)> {{y}}")
    wait_for(page, "#result", "no boxes can be read from the gold answer of referring 'nowhere <img src=x")
    assert page.locator("#gold").bounding_box()["width"] == width  # the page's width does not hang on what it shows
    shoot(page, tmp_path, "gold")
    page.locator("#task").get_by_label("classification").check()
    gold.fill("a ship")
    answer.fill("a boat")
    assert "categories ✓ ship ✓ ship" in wait_for(page, "#result", "100.0 %")


def test_boxes_on_an_image_of_ones_own(page, tmp_path):
    pixels = np.random.default_rng(0).gamma(2, 800, (480, 640)).astype(np.uint16)
    Image.fromarray(pixels).save(tmp_path / "sar.tif")
    page.get_by_text("Draw on your own image").click()
    page.locator("#image input[type=file]").set_input_files(tmp_path / "sar.tif")
    page.wait_for_selector("#result svg image")
    assert page.locator("#result svg").get_attribute("viewBox") == "0 0 640 480"
    shoot(page, tmp_path, "image")
    (tmp_path / "no.png").write_bytes(b"no image")
    page.get_by_label("Clear").or_(page.get_by_label("Remove this file")).first.click()
    page.wait_for_selector("#result svg image", state="detached")
    page.locator("#image input[type=file]").set_input_files(tmp_path / "no.png")
    wait_for(page, "#result", "no.png cannot be read as an image")


def test_files_give_a_table_and_their_scores(page, tmp_path):
    references = [
        {"id": "a", "task": "counting", "scenario": "multi", "answer": "2 {<1><1><9><9>}{<20><20><40><40>}"},
        {
            "id": "b",
            "task": "classification",
            "scenario": "single",
            "messages": [{"role": "assistant", "content": "car"}],
        },
    ]
    (tmp_path / "references.jsonl").write_text("\n".join(map(json.dumps, references)))
    (tmp_path / "predictions.jsonl").write_text('{"id": "a", "prediction": "two {<1><1><9><9>}"}\n')
    (tmp_path / "broken.jsonl").write_text('{"id": "a", "prediction": "two"}\n{"id": "a"\n')
    page.get_by_role("tab", name="Files of answers").click()
    page.locator("#run").click()
    wait_for(page, "#scores", "Upload the file of predictions and references.")

    page.locator("#references input[type=file]").set_input_files(tmp_path / "references.jsonl")
    page.locator("#predictions input[type=file]").set_input_files(tmp_path / "broken.jsonl")
    page.locator("#predictions").get_by_text("broken").first.wait_for()
    page.locator("#references").get_by_text("references").nth(1).wait_for()
    page.locator("#run").click()
    wait_for(page, "#scores", "broken.jsonl, line 2 is not JSON")
    shoot(page, tmp_path, "malformed")

    page.locator("#predictions").get_by_label("Clear").or_(
        page.locator("#predictions").get_by_label("Remove this file")
    ).first.click()
    page.locator("#predictions input[type=file]").set_input_files(tmp_path / "predictions.jsonl")
    page.locator("#predictions").get_by_text("predictions.jsonl").or_(
        page.locator("#predictions").get_by_text("predictions", exact=True)
    ).first.wait_for()
    page.locator("#run").click()
    shown = wait_for(page, "#scores", "overall")
    expected = score(["two {<1><1><9><9>}", ""], references)
    assert "1 records have no prediction; each scored 0." in shown
    assert re.search(rf"counting = mean 1 {expected['counting']:.2f} 0 ", shown)
    assert re.search(rf"overall own weights 2 {expected['overall']:.2f} 1", shown)
    shoot(page, tmp_path, "files")
    with page.expect_download() as download:
        page.get_by_text("Save scores.json").click()
    assert download.value.suggested_filename == "scores.json"
    saved = json.loads(Path(download.value.path()).read_text())
    assert saved == expected | {"average": "sample", "missing": 1}


def test_the_example_files_are_scored(page, tmp_path):
    page.get_by_role("tab", name="Files of answers").click()
    page.locator("#fill").click()
    page.locator("#references input[type=file]").wait_for(state="detached")
    page.locator("#run").click()
    shown = wait_for(page, "#scores", "overall")
    for task in ("classification", "description", "counting", "grounding", "identification", "referring"):
        assert f"{task} = mean" in shown
    shoot(page, tmp_path, "example-files")


def test_nothing_is_cut_off_on_a_narrow_screen(page, tmp_path):
    page.set_viewport_size({"width": 390, "height": 800})
    choose(page, "Referring: two found")
    wait_for(page, "#result", "referring/multi/cell")
    shoot(page, tmp_path, "narrow")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # The table of matches needs no sideways scrolling either.
    wide = "[...document.querySelectorAll('#result .sar-scroll')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
    assert page.locator('[aria-label="Matches"]').count() == 1 and page.evaluate(wide) == 0
