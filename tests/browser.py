"""Chromium for tests of pages."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

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
def launching() -> Iterator:
    """Launch the browser for the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        yield browser
        browser.close()
