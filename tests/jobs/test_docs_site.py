"""`make site`: strict, whole, and readable without a network."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.written import ROOT

pytestmark = pytest.mark.slow

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}
"""Attributes that a browser fetches without being asked."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("material", reason="the extra docs is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        done.stderr
    )  # an orphan, a broken link or anchor is a warning, and strict makes it an error
    return folder


class Fetched(HTMLParser):
    """What a page loads."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in LOADED and given.get("rel") not in ("canonical", "prev", "next"):
            self.found.append(given.get(LOADED[tag]) or "")


def test_every_page_of_the_repository_is_on_the_site(built: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    joined = {
        Path(name)
        for name in ("overview.html", "contributing.html", "changelog.html", "examples/recorded.html")
    }
    there = {path.relative_to(built) for path in built.rglob("*.html")}
    assert pages | joined <= there


def test_no_page_loads_anything_from_elsewhere(built: Path) -> None:
    for page in built.rglob("*.html"):
        elsewhere = [found for found in Fetched(page).found if re.match(r"(https?:)?//", found)]
        assert not elsewhere, f"{page.relative_to(built)} loads {elsewhere}"
        assert "fonts.googleapis" not in page.read_text("utf-8")


def test_links_between_the_root_and_docs_lead_to_pages_of_the_site(built: Path) -> None:
    assert 'href="own_data.html"' in (built / "overview.html").read_text("utf-8")
    assert 'href="overview.html"' in (built / "index.html").read_text("utf-8")
    assert 'href="../contributing.html#adding-an-enrichment"' in (
        built / "howto" / "add_an_enrichment.html"
    ).read_text("utf-8")


def test_what_is_shown_as_code_is_as_it_was_written(built: Path) -> None:
    shown = re.sub(r"<[^>]+>", "", (built / "overview.html").read_text("utf-8"))
    assert "nightshift init --items items.parquet --interactions events.parquet" in shown
