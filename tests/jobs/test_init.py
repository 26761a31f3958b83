"""`nightshift init`: what it asks, what it writes, what it refuses."""

import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from jobs.check import next_step
from jobs.cli import app
from jobs.init import ask, said, write_first
from nightshift.errors import ConfigError, InputError, SourceError
from nightshift.night.config import load_settings
from nightshift.prompts.vocabulary import load_vocabulary
from nightshift.sources.onboarding import FLAGS, Guess
from nightshift.sources.onboarding.yaml_draft import noun_of
from nightshift.sources.settings import InteractionsSource, ItemsSource
from tests.nightshift.sources.onboarding.shapes import movie_ratings, news_impressions, shop, write


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path, shop(random.Random(1)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def first(folder: Path, answers: dict[str, Any] | None = None, **how: Any) -> Any:
    given = {"force": False, "ask": None, "yes": True} | how
    return write_first("items.parquet", "events.parquet", folder / "nightshift.yaml", answers or {}, **given)


def invoked(*words: str) -> tuple[int, str]:
    """Exit code and screen; an error raised on purpose has the exit code that `main` gives it."""
    done = CliRunner().invoke(app, ["init", *words])
    error = done.exception
    return (error.exit_code, str(error)) if isinstance(error, InputError) else (done.exit_code, done.output)


def test_a_shop_is_written_read_and_told(folder: Path) -> None:
    code, screen = invoked("--items", "items.parquet", "--interactions", "events.parquet", "--yes")
    assert code == 0, screen
    settings = load_settings(folder / "nightshift.yaml")
    assert settings.sources.interactions.positive_kinds == ("add_to_cart", "purchase")
    assert settings.home_folder == folder / ".nightshift"
    for words in (
        "add_to_cart, purchase ?",
        "wrote nightshift.yaml",
        "80 items",
        "--positive-kinds",
        "wrote vocabulary.yaml: tags from the catalogue's own words; category: ",
    ):
        assert words in screen
    assert [path.name for path in folder.glob(".nightshift.yaml*")] == []


KINDS = {"implicit": shop, "explicit": movie_ratings, "impressions": news_impressions}


@pytest.mark.parametrize("feedback", KINDS)
def test_what_init_writes_is_ready_for_a_plan_with_nothing_edited(
    feedback: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_LLM__BACKEND", "echo")
    monkeypatch.setenv("NIGHTSHIFT_ENCODER__BACKEND", "hashing")
    write(folder, KINDS[feedback](random.Random(1)))
    settings = first(folder)
    assert settings.sources.interactions.feedback == feedback
    assert load_vocabulary(settings.tags.vocabulary, folder).noun == noun_of(settings.sources.items)
    for command in ("check", "plan"):
        done = CliRunner().invoke(app, [command, "--json"])
        assert done.exit_code == 0, f"{command}: {done.output}{done.exception!r}"
    assert next_step(settings) == "nightshift plan"


def test_a_vocabulary_that_is_there_is_kept_whatever_is_forced(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first(folder)
    edited = (folder / "vocabulary.yaml").read_text() + "# read by me\n"
    (folder / "vocabulary.yaml").write_text(edited)
    first(folder, force=True)
    assert (folder / "vocabulary.yaml").read_text() == edited
    assert (
        "kept vocabulary.yaml: it was there, and changing it asks every item again" in capsys.readouterr().out
    )


def test_a_catalogue_without_words_is_told_what_is_missing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, (shop(random.Random(1))[0].select("sku"), shop(random.Random(1))[1]))
    first(folder)
    assert not (folder / "vocabulary.yaml").exists()
    shown = capsys.readouterr().out
    assert "no vocabulary.yaml: the catalogue has too few attributes and repeated words" in shown
    assert "nightshift vocabulary --noun Product" in shown


def test_without_a_terminal_an_open_question_is_exit_2_with_the_flag_to_give(folder: Path) -> None:
    code, told = invoked("--items", "items.parquet", "--interactions", "events.parquet")
    assert code == 2
    assert "--positive-kinds add_to_cart,purchase" in told
    assert "or --yes to take these guesses" in told
    assert not (folder / "nightshift.yaml").exists()
    code, _ = invoked(
        "--items", "items.parquet", "--interactions", "events.parquet", "--positive-kinds", "purchase"
    )
    assert code == 0, "the flag answers the question"
    assert load_settings(folder / "nightshift.yaml").sources.interactions.positive_kinds == ("purchase",)


def test_a_person_is_asked_what_is_unsure_and_nothing_else(folder: Path) -> None:
    asked: list[str] = []

    def reply(guess: Guess) -> str:
        asked.append(guess.setting)
        return "purchase"

    settings = first(folder, ask=reply, yes=False)
    assert asked == ["interactions.positive_kinds"]
    assert settings.sources.interactions.positive_kinds == ("purchase",)


def test_an_answer_that_names_no_column_is_asked_again(folder: Path) -> None:
    items, events = shop(random.Random(2))
    write(folder, (items, events.rename({"customer": "who"})))
    replies: Iterator[str] = iter(["whoo", "who", "none"])
    settings = first(folder, ask=lambda _: next(replies), yes=False)
    assert settings.sources.interactions.user_id == "who"
    assert settings.sources.interactions.positive_kinds is None


@pytest.mark.parametrize(("typed", "answer"), [("purchase\n", "purchase"), ("\n", "cart, purchase")])
def test_a_question_shows_its_reason_and_takes_the_guess_for_an_empty_line(
    typed: str, answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    guess = Guess(
        "interactions.positive_kinds",
        ["cart", "purchase"],
        "44% of the events",
        False,
        choices=("view", "cart", "purchase"),
    )
    assert ask(guess) == answer
    shown = capsys.readouterr().out
    for words in (
        "interactions.positive_kinds",
        "44% of the events",
        "could be: view, cart, purchase",
        "which [cart, purchase]",
    ):
        assert words in shown


def test_a_rating_scale_is_cut_where_a_person_says(folder: Path) -> None:
    write(folder, movie_ratings(random.Random(1)))
    assert first(folder, ask=lambda _: "4.5", yes=False).sources.interactions.positive_from == 4.5


def test_nothing_is_written_over_without_force(folder: Path) -> None:
    (folder / "nightshift.yaml").write_text("mine")
    with pytest.raises(
        ConfigError, match=r"is there already; --force writes over it, --out names another file"
    ):
        first(folder)
    assert (folder / "nightshift.yaml").read_text() == "mine"
    first(folder, force=True)
    assert "sources" in yaml.safe_load((folder / "nightshift.yaml").read_text())


def test_a_file_elsewhere_keeps_its_sources_by_absolute_path(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("elsewhere") / "new" / "nightshift.yaml"
    settings = write_first("items.parquet", "events.parquet", out, {}, force=False, ask=None, yes=True)
    assert settings.sources.items.path == str(folder / "items.parquet")


def test_a_wrong_path_names_the_folder_and_the_flag(folder: Path) -> None:
    with pytest.raises(
        SourceError,
        match=r"no file matches 'item.parquet' in .*; set --items to a file or glob(.|\n)*was not written",
    ):
        write_first(
            "item.parquet", "events.parquet", folder / "nightshift.yaml", {}, force=False, ask=None, yes=True
        )


def test_a_user_column_that_is_not_there_is_named_with_the_nearest(folder: Path) -> None:
    code, told = invoked(
        "--items", "items.parquet", "--interactions", "events.parquet", "--yes", "--user-id", "costumer"
    )
    assert code == 2
    assert "events.parquet has no column 'costumer', which --user-id names; did you mean 'customer'?" in told


@pytest.mark.parametrize(("unit", "right"), [("s", "ms"), ("us", "ms"), ("ns", "ms")])
def test_a_wrong_unit_names_the_one_that_fits(folder: Path, unit: str, right: str) -> None:
    with pytest.raises(
        SourceError,
        match=rf"--timestamp_unit|--timestamp-unit {unit} puts .* in year .*; {right} would put it in 2026: "
        rf"set ",
    ):
        first(folder, {"interactions.timestamp_unit": unit})
    assert not (folder / "nightshift.yaml").exists()


def test_events_of_the_future_are_refused_with_the_first_of_them(folder: Path) -> None:
    items, events = shop(random.Random(3))
    late = (
        pl.when(pl.int_range(pl.len()) % 5 == 0)
        .then(pl.col("event_time") + 200 * 86_400_000)
        .otherwise("event_time")
    )
    write(folder, (items, events.with_columns(event_time=late)))
    with pytest.raises(
        SourceError,
        match=r"later than the wall clock.* first in events.parquet row \d+, column 'event_time' holds '\d+'",
    ):
        first(folder)


def test_an_id_that_appears_twice_names_both_rows_and_the_flag(folder: Path) -> None:
    items, events = shop(random.Random(4))
    write(folder, (pl.concat([items, items.head(2)]), events))
    words = (
        r"'SKU-0000' \(column 'sku'\) is in items.parquet row 1 and in items.parquet row 81; .* set "
        r"--duplicate-item to keep_first"
    )
    with pytest.raises(SourceError, match=words):
        first(folder)
    assert first(folder, {"items.duplicate_item": "keep_first"}).sources.items.duplicate_item == "keep_first"


def test_semicolons_are_recognised(folder: Path) -> None:
    shop(random.Random(1))[0].write_csv(folder / "items.csv", separator=";")
    with pytest.raises(
        SourceError, match=r"its values are separated by semicolons\. Save it as Parquet, or with commas"
    ):
        write_first(
            "items.csv", "events.parquet", folder / "nightshift.yaml", {}, force=False, ask=None, yes=True
        )


def test_every_setting_of_the_mapping_has_its_flag() -> None:
    given = {f"items.{name}" for name in ItemsSource.model_fields} | {
        f"interactions.{name}" for name in InteractionsSource.model_fields
    }
    left_to_the_file = {"max_rejected_share", "max_text_chars", "max_title_chars", "unknown_item"}
    assert {setting for setting in given if setting.partition(".")[2] not in left_to_the_file} == set(FLAGS)
    told = CliRunner().invoke(app, ["init", "--help"], env={"COLUMNS": "200"}).output
    assert [flag for flag in FLAGS.values() if flag not in told] == []


@pytest.mark.parametrize(
    ("setting", "words", "value"),
    [
        ("items.title", "none", None),
        ("items.text", "a, b", ["a", "b"]),
        ("interactions.positive_from", "3.5", 3.5),
        ("items.title", " t ", "t"),
    ],
)
def test_answers_are_read_as_their_settings_need_them(setting: str, words: str, value: Any) -> None:
    assert said(setting, words) == value


def test_a_threshold_that_is_no_number_is_refused() -> None:
    with pytest.raises(ConfigError, match="--positive-from 'good' is not a number; give the lowest rating"):
        said("interactions.positive_from", "good")
