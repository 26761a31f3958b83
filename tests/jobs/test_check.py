"""`nightshift check`: what it understood, what is odd, what comes next; on the screen and as JSON."""

import json
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from jobs.check import Checked, checked
from jobs.check_screen import spark
from jobs.cli import app
from nightshift.errors import ConfigError, ModelUnavailable
from nightshift.night.config import load_settings
from nightshift.sources.languages import count_languages


def look(shop) -> Checked:
    return checked(load_settings(shop.config))


def found(shop) -> list[str]:
    return [finding.what for finding in look(shop).findings]


def events_of(shop) -> pl.DataFrame:
    return pl.read_parquet(shop.folder / "sources" / "interactions.parquet")


def write_events(shop, frame: pl.DataFrame) -> None:
    frame.write_parquet(shop.folder / "sources" / "interactions.parquet")


def test_a_shop_in_order_is_described_and_the_next_command_is_a_plan(shop) -> None:
    told = look(shop)
    assert told.findings == ()
    assert (told.sources.items, told.sources.users, told.sources.time) == (60, 40, "ms since 1970")
    assert sum(told.sources.activity) == told.sources.events
    assert told.next == "nightshift plan"


def test_the_screen_shows_both_sources_and_the_next_command(shop) -> None:
    done = CliRunner().invoke(app, ["check", "--config", str(shop.config)])
    assert done.exit_code == 0, done.output
    for words in (
        "catalogue",
        "events",
        "60",
        "impressions feedback",
        "ms since 1970",
        "nothing odd was found",
        "Next: nightshift plan",
    ):
        assert words in done.output


def test_json_holds_the_same_and_names_every_finding_with_its_place(shop) -> None:
    frame = events_of(shop)
    write_events(shop, pl.concat([frame, frame.head(3).with_columns(item_id=pl.lit("i99999"))]))
    done = CliRunner().invoke(app, ["check", "--json", "--config", str(shop.config)])
    told = json.loads(done.output)
    assert (done.exit_code, told["ok"], told["sources"]["items"], told["next"]) == (
        0,
        True,
        60,
        "nightshift plan",
    )
    first = told["findings"][0]
    assert (first["rows"], first["column"], first["value"]) == (3, "item_id", "'i99999'")
    assert first["where"] == f"sources/interactions.parquet row {frame.height + 1}"
    assert "Complete the catalogue" in first["fix"]


def test_what_stops_a_night_is_exit_2_in_json_as_well(shop) -> None:
    shop.write_items(shop.items()[[0, 0, 1]])
    done = CliRunner().invoke(app, ["check", "--json", "--config", str(shop.config)])
    told = json.loads(done.output)
    assert (done.exit_code, told["ok"]) == (2, False)
    assert "items.parquet row 1 and in sources/items.parquet row 2" in told["error"]


def test_a_missing_vocabulary_is_odd_and_the_next_command_writes_one(shop) -> None:
    (shop.folder / "shop.yaml").unlink()
    told = look(shop)
    assert [finding.what for finding in told.findings] == [
        "there is no vocabulary yet: tags.vocabulary names shop.yaml"
    ]
    assert told.next == "nightshift vocabulary --noun Item > shop.yaml"


def test_nights_before_the_first_event_and_old_data_are_told(shop) -> None:
    shop.write(nights={"first": "2023-12-01"})
    words = "\n".join(found(shop))
    assert "the first night, 2023-12-01, knows no event: the oldest is of 2024-01-01" in words
    assert "the newest event is of 2024-01-3" in words


def test_a_first_night_that_has_not_begun_is_told(shop) -> None:
    shop.write(nights={"first": "2999-01-01"})
    assert any(
        words.startswith("no night has begun: the first, 2999-01-01, is later than today")
        for words in found(shop)
    )


@pytest.mark.parametrize(
    ("nights", "said"),
    [
        ({"first": "2024-01-05", "schedule": "61 25 * * *"}, "nights.schedule: minute '61' is not 0 to 59"),
        ({"first": "2024-01-05", "last": "2024-01-01"}, "nights: last 2024-01-01 is before first 2024-01-05"),
    ],
)
def test_check_and_run_say_the_same_of_nights_that_cannot_begin(
    shop, nights: dict[str, str], said: str
) -> None:
    shop.config.write_text(yaml.safe_dump(yaml.safe_load(shop.config.read_text()) | {"nights": nights}))
    for command in ("check", "run"):
        with pytest.raises(ConfigError, match=said):
            CliRunner().invoke(app, [command, "--config", str(shop.config)], catch_exceptions=False)


def test_long_texts_one_label_and_whole_days_are_told(shop) -> None:
    sources = shop.world.mapping.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    sources["items"] |= {"path": "sources/items.parquet", "max_text_chars": 20}
    sources["interactions"]["path"] = "sources/interactions.parquet"
    shop.write(sources=sources)
    day = timedelta(days=1) // timedelta(milliseconds=1)
    write_events(
        shop,
        events_of(shop).with_columns(clicked=pl.lit(1, pl.Int8), shown_at=pl.col("shown_at") // day * day),
    )
    words = "\n".join(found(shop))
    for told in (
        "texts are longer than 20 characters and are cut",
        "every event is positive",
        "times are whole days",
    ):
        assert told in words


def test_users_with_one_event_are_told(shop) -> None:
    write_events(shop, events_of(shop).unique("user_id", maintain_order=True))
    assert "100% of the users have one event" in found(shop)


def test_a_catalogue_in_another_language_meets_an_english_encoder(shop) -> None:
    try:
        count_languages(pl.DataFrame({"item_id": ["a"], "title": ["Hello"], "text": ["world"]}))
    except ModelUnavailable as missing:
        pytest.skip(str(missing))
    german = (
        "Ein schöner Becher aus Porzellan, der in der Küche und im Garten lange hält und leicht zu "
        "reinigen ist."
    )
    shop.write_items(shop.items().with_columns(description=pl.lit(german)))
    shop.write(encoder={"backend": "sentence", "model": "all-minilm-l6-v2"})
    assert any(words.startswith("most items are in de") and "reads English" in words for words in found(shop))


def test_values_and_names_with_brackets_are_shown_as_they_are(shop, tmp_path: Path) -> None:
    frame = events_of(shop)
    write_events(shop, pl.concat([frame, frame.head(1).with_columns(item_id=pl.lit("[red]x[/red]"))]))
    assert "holds '[red]x[/red]'" in CliRunner().invoke(app, ["check", "--config", str(shop.config)]).output


@pytest.mark.parametrize(
    ("counts", "bars"), [((), ""), ((0, 1, 4, 8), " ▁▄█"), ((0, 0), "  "), ((1, 1_000_000), "▁█")]
)
def test_a_span_with_any_event_has_a_bar(counts: tuple[int, ...], bars: str) -> None:
    assert spark(counts) == bars


def test_what_a_quote_swallowed_is_told_with_its_line_and_without_a_column(shop) -> None:
    frame = events_of(shop).head(40).with_columns(note=pl.lit("fine"))
    lines = frame.write_csv().splitlines()
    lines[2], lines[4] = lines[2].replace("fine", '"fine'), f'{lines[4]}"'
    (shop.folder / "sources" / "events.csv").write_text("\n".join(lines) + "\n")
    mapped = shop.config.read_text().replace(
        "path: sources/interactions.parquet", "max_rejected_share: 0.5\n    path: sources/events.csv"
    )
    shop.config.write_text(mapped)
    done = CliRunner().invoke(app, ["check", "--config", str(shop.config)])
    assert done.exit_code == 0, done.output
    told = " ".join(done.output.split())
    assert (
        "first: sources/events.csv line 3 holds a quoted field runs over 3 lines; 2 rows were swallowed"
        in told
    )
