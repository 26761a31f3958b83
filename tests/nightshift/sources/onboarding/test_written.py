"""The file that is written: it loads, says what was guessed, and its nights fit the events."""

import itertools
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml

from nightshift.night.config import load_settings
from nightshift.sources.onboarding import Nights, Samples, as_yaml, choose_nights, draft_of
from nightshift.sources.onboarding.yaml_draft import noun_of, scalar
from nightshift.sources.settings import ItemsSource
from tests.nightshift.sources.onboarding.shapes import NOW, SHAPES, places, shop, write

NIGHTS = Nights(date(2026, 10, 1), date(2026, 11, 1), date(2026, 11, 23), False, ("Because.",))


@pytest.mark.parametrize("name", SHAPES)
def test_the_file_loads_as_the_mapping_it_was_written_from(name: str, tmp_path: Path) -> None:
    draft = draft_of(Samples.of(*write(tmp_path, SHAPES[name][0](random.Random(1))), tmp_path), {}, NOW)
    (tmp_path / "nightshift.yaml").write_text(as_yaml(draft, NIGHTS, date(2026, 11, 23)))
    settings = load_settings(tmp_path / "nightshift.yaml")
    assert settings.sources == draft.sources()
    assert (settings.nights.first, settings.nights.last) == (date(2026, 10, 1), None)
    assert settings.tags.vocabulary == "vocabulary.yaml"


def test_every_value_stands_below_its_reason(tmp_path: Path) -> None:
    draft = draft_of(Samples.of(*write(tmp_path, shop(random.Random(1))), tmp_path), {}, NOW)
    lines = as_yaml(draft, NIGHTS, date(2026, 11, 23)).splitlines()
    for guess in draft.told:
        if guess.value is not None:
            place = next(
                n
                for n, line in enumerate(lines)
                if line.startswith(f"    {guess.setting.partition('.')[2]}: {scalar(guess.value)}")
            )
            assert lines[place - 1].startswith("    # "), lines[place]
    assert max(len(line) for line in lines) <= 140


def test_columns_with_hostile_names_and_values_stay_values_and_comments(tmp_path: Path) -> None:
    items, events = shop(random.Random(2))
    items = items.rename({"product_title": "title: {x}\n# y", "dept": "category 'a', \"b\""})
    items = items.with_columns(
        pl.lit("one\nllm: {model: evil}\u2028x|two").alias("category 'a', \"b\"")
    ).with_columns(
        pl.when(pl.int_range(pl.len()) % 2 == 0)
        .then(pl.lit("\nnights: no|é"))
        .otherwise("category 'a', \"b\"")
        .alias("category 'a', \"b\"")
    )
    draft = draft_of(Samples.of(*write(tmp_path, (items, events)), tmp_path), {}, NOW)
    text = as_yaml(draft, NIGHTS, date(2026, 11, 23))
    raw = yaml.safe_load(text)
    assert raw["sources"]["items"]["title"] == "title: {x}\n# y"
    assert raw["sources"]["items"]["attributes"] == "category 'a', \"b\""
    assert raw["llm"] == {"model": "smollm2-135m-instruct"}


def test_a_source_with_an_order_is_split_by_last_moments_and_has_its_four_days(tmp_path: Path) -> None:
    draft = draft_of(Samples.of(*write(tmp_path, places(random.Random(1))), tmp_path), {}, NOW)
    nights = choose_nights(pl.DataFrame({"timestamp": [NOW]}), NOW, ordered=True)
    (tmp_path / "nightshift.yaml").write_text(as_yaml(draft, nights, date(2026, 11, 23)))
    settings = load_settings(tmp_path / "nightshift.yaml")
    assert settings.examples.split == "last"
    assert (settings.nights.first, settings.nights.last) == (date(2000, 12, 28), date(2001, 1, 1))


def hourly(first: datetime, days: int) -> pl.DataFrame:
    return pl.DataFrame({"timestamp": [first + timedelta(hours=hour) for hour in range(24 * days)]})


def test_fresh_data_goes_on_and_its_first_night_knows_a_tenth() -> None:
    nights = choose_nights(hourly(NOW - timedelta(days=100), 100), NOW)
    assert not nights.ended
    assert nights.newest == date(2026, 11, 23)
    assert (nights.first - (NOW - timedelta(days=100)).date()).days == 11
    assert nights.of_a_judgement == sorted({nights.first, *nights.between, nights.middle, nights.newest})
    assert "the first night knows 10% of them" in nights.why[0]


def test_old_data_ends_with_the_night_after_its_newest_event() -> None:
    nights = choose_nights(hourly(datetime(2014, 1, 1, tzinfo=UTC), 50), NOW)
    assert nights.ended
    assert (nights.first, nights.newest) == (date(2014, 1, 7), date(2014, 2, 20))


@pytest.mark.parametrize("gap", [timedelta(0), timedelta(days=200)])
def test_no_row_after_the_first_night_reads_a_night_that_lacks_more_than_a_fifth_of_the_events(
    gap: timedelta,
) -> None:
    """Also where events come in bursts: nights are spread over events, not over days."""
    early, late = hourly(NOW - timedelta(days=60) - gap, 30), hourly(NOW - timedelta(days=30), 30)
    events = pl.concat([early, late])
    nights = choose_nights(events, NOW)
    days = [datetime.combine(night, datetime.min.time(), UTC) for night in nights.of_a_judgement]
    for one, after in itertools.pairwise(days):
        missed = events.filter(pl.col("timestamp").is_between(one, after, closed="left")).height
        assert missed / events.height <= 0.22, f"{one.date()} to {after.date()}"
    assert nights.middle in nights.of_a_judgement
    assert all(str(night) in nights.why[2] for night in nights.of_a_judgement[:-1])


@pytest.mark.parametrize("days", [1, 2, 3])
def test_a_few_days_of_events_give_nights_that_are_in_order_and_not_in_the_future(days: int) -> None:
    nights = choose_nights(hourly(NOW - timedelta(days=days), days), NOW)
    assert nights.first <= nights.middle <= nights.newest <= NOW.date()
    assert 1 <= len(nights.of_a_judgement) <= days + 1


@pytest.mark.parametrize(
    ("item_id", "path", "noun"),
    [
        ("sku", "x.csv", "Product"),
        ("id", "movies/*.parquet", "Movie"),
        ("isbn", "x", "Book"),
        ("id", "x", "Item"),
    ],
)
def test_an_item_is_called_by_what_the_files_call_it(item_id: str, path: str, noun: str) -> None:
    assert noun_of(ItemsSource(path=path, item_id=item_id)) == noun
