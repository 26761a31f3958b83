from datetime import date, timedelta
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from nightshift.report.pictures.bars import by_night, ranked
from nightshift.report.pictures.svg import IN_SIGHT, frame, markdown, short, text

SVG = "{http://www.w3.org/2000/svg}"
NIGHTS = [date(2026, 11, 1) + timedelta(days) for days in range(60)]


def drawn(said: str) -> ElementTree.Element:
    """The picture inside a Markdown image, read by a real XML parser as a browser would."""
    assert said.startswith("![")
    _, data = said.removesuffix(">)").split("](<data:image/svg+xml,")
    assert not set("<>#") & set(data), "Markdown would end the address there"
    root = ElementTree.fromstring(unquote(data))
    assert root.tag == f"{SVG}svg"
    return root


def words(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def test_a_month_of_nights_stands_on_the_page() -> None:
    said = by_night(
        "Rows by origin",
        NIGHTS,
        {"llm": [16.0 * n for n in range(60)], "group": [960.0 - 16 * n for n in range(60)]},
    )
    assert len(said) < IN_SIGHT
    assert words(drawn(said)) == ["llm 944", "group 16", "2026-12-01", "2026-12-30"]


def test_what_does_not_fit_on_the_page_shows_fewer_nights() -> None:
    jagged = {
        name: [float((n * factor) % 97) for n in range(60)]
        for name, factor in (("llm", 31), ("group", 53), ("carried", 71))
    }
    said = by_night("Rows", NIGHTS, jagged)
    assert len(said) < IN_SIGHT
    assert "2026-12-30" in words(drawn(said))
    assert "2026-12-01" not in words(drawn(said))


def test_steps_are_as_high_as_their_values() -> None:
    root = drawn(by_night("Tokens", NIGHTS[:3], {"new": [1.0, 2.0, 4.0]}))
    (path,) = root.iter(f"{SVG}path")
    assert path.get("d") == "M0 82v-16h40v-16h40v-32h40V82"


def test_a_lower_series_covers_the_ones_above_it() -> None:
    paths = list(drawn(by_night("Rows", NIGHTS[:1], {"llm": [3.0], "group": [1.0]})).iter(f"{SVG}path"))
    assert [path.get("d") for path in paths] == ["M0 82v-64h40V82", "M0 82v-48h40V82"]


@pytest.mark.parametrize("series", [{"llm": []}, {"llm": [0.0]}])
def test_nights_of_nothing_are_a_picture_without_bars(series: dict[str, list[float]]) -> None:
    assert not list(drawn(by_night("Rows", NIGHTS[: len(series["llm"])], series)).iter(f"{SVG}path"))


def test_ranked_bars_show_the_largest_first_and_mark_the_last_night() -> None:
    root = drawn(ranked("Tags", {"b": 10, "a": 10, "c": 30}, {"c": 15}))
    assert words(root) == ["c 30", "a 10", "b 10"]
    bars, ticks = (path.get("d") for path in root.iter(f"{SVG}path"))
    assert bars == "M130 6h230M130 20h77M130 34h77"
    assert ticks == "M245 0v12"


def test_long_names_leave_fewer_bars_and_the_page_keeps_the_picture() -> None:
    counts = {f"a rather long name of a tag, number {n}": float(n) for n in range(40)}
    assert len(ranked("Tags", counts, counts)) < IN_SIGHT


def test_names_that_look_like_markup_are_read_as_names() -> None:
    said = markdown(frame(20, [text(0, 10, "R&B <b> 100% #1 )](")]), "what ](x) is [left]")
    assert words(drawn(said)) == ["R&B <b> 100% #1 )]("]


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0"), (7, "7"), (9999, "9,999"), (12345, "12.3k"), (3_400_000, "3.4M"), (0.0123, "0.0123")],
)
def test_numbers_are_short(number: float, said: str) -> None:
    assert short(number) == said
