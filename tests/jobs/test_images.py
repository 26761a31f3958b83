"""The pictures of the pages: each is there, and none lies about."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")


def shown() -> dict[Path, str]:
    """Where every picture of a page should lie, and the page."""
    found = {}
    for page in PAGES:
        for place in PICTURE.findall(page.read_text("utf-8")):
            if "://" not in place:
                found[(page.parent / place).resolve()] = page.name
    return found


def test_every_picture_that_a_page_shows_is_there() -> None:
    assert {place: page for place, page in shown().items() if not place.is_file()} == {}


def test_every_picture_of_the_docs_is_shown_on_a_page() -> None:
    assert sorted(set(IMAGES.iterdir()) - set(shown())) == []
    assert len(shown()) >= 6


def test_pictures_are_small_enough_to_clone() -> None:
    assert {
        place.name: place.stat().st_size for place in IMAGES.iterdir() if place.stat().st_size > 200_000
    } == {}
