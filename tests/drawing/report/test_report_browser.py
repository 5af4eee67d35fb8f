"""A report of hostile answers in Chromium: nothing in them runs, and nothing leaves the page."""

import pytest
from browser import browser_marks, launching, opening
from built_fixture import sample_build, sample_gold
from support import write_answers

pytestmark = browser_marks(("jinja2", "matplotlib"), "report")
_RAN = "window.ran=1"
HOSTILE = [
    f"<script>{_RAN}</script>",
    f"</bdi></dd></script><script>{_RAN}</script>",
    f"<img src=x onerror={_RAN}>",
    f'"><svg onload={_RAN}>',
    f'<a href="javascript:{_RAN}">ship</a>',
    f"<iframe srcdoc='<script>parent.{_RAN}</script>'>",
    "<img src=http://example.com/leak.png><link rel=stylesheet href=//example.com/x.css>",
    "<style>*{display:none}body{background:url(http://example.com/x)}</style>",
    "<meta http-equiv=refresh content='0;url=http://example.com'>",
    "{{ 7 * 7 }}{% for x in y %}${alert(1)}",
    "\udcff\ud800 broken \x00\x1b[31m",
    "\u202egnp.exe\u2066",
    "<base href=http://example.com/><form action=http://example.com><input name=q>",
    "]]><!--",
    "{<1e400><0><5><5>}{<-99999999999><0><99999999999><9>}{<9><9><1><1>}",
    "{<10><10><50><50>}" * 60_000,
    "a ship " * 150_000,
]


@pytest.fixture(scope="module")
def report(tmp_path_factory, sarchat):
    folder = tmp_path_factory.mktemp("hostile")
    ids = list(sample_gold())
    # The model's name comes from the file's, and the baseline's from its own.
    name = "<img src=x onerror=window.ran=2>.jsonl"
    for shift, file in enumerate((name, "b.jsonl")):
        answers = {key: HOSTILE[(place + shift) % len(HOSTILE)] for place, key in enumerate(ids)}
        write_answers(folder / file, answers)
    out = folder / "report.html"
    run = sarchat("report", folder / name, folder / "b.jsonl", "--data", sample_build(), "--out", out)
    assert run.returncode == 0, run.stderr
    assert out.stat().st_size < 15e6
    return out


@pytest.fixture(scope="module")
def browser():
    with launching() as browser:
        yield browser


@pytest.fixture(params=[("light", 1280), ("dark", 1280), ("light", 390)], ids=lambda value: f"{value[0]}-{value[1]}")
def page(request, browser, report):
    scheme, width = request.param
    with opening(browser, report.as_uri(), width, scheme) as (page, asked):
        yield page
        assert page.evaluate("window.ran") is None
        assert page.url.partition("#")[0] == report.as_uri()
    assert [url for url in asked if url != report.as_uri() and not url.startswith("data:image/jpeg;base64,")] == []


def test_nothing_in_the_answers_runs_and_every_one_is_shown_as_text(page):
    page.wait_for_selector("#filter:not([hidden])")
    assert page.locator("article img, article script, article iframe, article style, article a").count() == 0
    assert page.locator("script").count() == 1 and page.locator("head base, body form").count() == 1
    shown = page.evaluate("document.querySelector('#list').textContent")
    for text in HOSTILE[:10]:
        assert text in shown
    assert "characters in all" in shown
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_filters_show_the_records_that_fit(page):
    total = page.locator("article").count()
    page.select_option("#by-task", "counting")
    tasks = page.evaluate("[...document.querySelectorAll('article:not([hidden])')].map(e => e.dataset.task)")
    assert set(tasks) == {"counting"} and 0 < len(tasks) < total
    assert page.inner_text("#shown") == f"{len(tasks)} of {total} records"
    page.select_option("#by-task", "")
    page.fill("#by-text", "ONERROR")
    texts = page.locator("article:visible .texts").all_text_contents()
    assert texts and all("onerror" in text.lower() for text in texts)
    page.fill("#by-text", "nothing has these words")
    assert page.locator("article:visible").count() == 0
    page.fill("#by-text", "")
    page.select_option("#by-category", "ship")
    assert 0 < page.locator("article:visible").count() < total
    page.select_option("#by-kind", index=1)
    kinds = page.evaluate("[...document.querySelectorAll('article:not([hidden])')].map(e => e.dataset.kind)")
    assert len(set(kinds)) <= 1


def test_without_scripts_every_record_is_there(browser, report):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("article:visible").count() == page.locator("article").count() > 20
    assert page.locator("#filter").is_hidden()
    context.close()
