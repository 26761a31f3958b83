"""A headless Chromium for tests that look at pages; without one they are skipped, and the reason says how
to get one."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = "no Chromium: apt-get install chromium, or playwright install chromium, or name one in CHROMIUM"


def executable() -> str | None:
    """The one named by the environment's CHROMIUM, else the first on the path; None leaves it to
    playwright's own."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """An opened Chromium. One a module: while it is open, no other event loop can run in the process."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    named = executable()
    with playwright.sync_playwright() as started:
        if not Path(named or started.chromium.executable_path).exists():
            pytest.skip(MISSING)
        opened = started.chromium.launch(
            executable_path=named, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield opened
        opened.close()
