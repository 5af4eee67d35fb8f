"""Chromium for tests of pages."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

WAIT = 20_000  # milliseconds
_CHROMIUM = shutil.which("chromium")
_ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


def browser_marks(modules: tuple[str, ...], extra: str) -> list[pytest.MarkDecorator]:
    """Return the marks of tests that need Chromium, playwright and the modules of an extra."""
    lacking = [name for name in (*modules, "playwright") if importlib.util.find_spec(name) is None]
    lacking += ["chromium"] * (_CHROMIUM is None)
    reason = f"not installed: {', '.join(lacking)} (extras `{extra}` and `browser`; apt-get: chromium)"
    return [pytest.mark.slow, pytest.mark.skipif(bool(lacking), reason=reason)]


@contextmanager
def opening(browser, url: str, width: int, scheme: str) -> Iterator[tuple]:
    """Open a page for the block, and give it with the list of URLs that it requests; no script of it may fail."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.set_default_timeout(WAIT)
    asked, failures = [], []
    page.on("request", lambda sent: asked.append(sent.url))
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("dialog", lambda dialog: (failures.append(dialog.message), dialog.dismiss()))
    page.goto(url)
    yield page, asked
    page.close()
    assert not failures


@contextmanager
def launching() -> Iterator:
    """Launch the browser for the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        yield browser
        browser.close()
