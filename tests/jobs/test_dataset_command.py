"""`nightshift dataset`, in this process: what it writes, `nightshift check` reads."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from jobs.cli import app
from nightshift.errors import InputError, SourceError
from nightshift.sources.datasets.published.formats import FORMATS
from tests.nightshift.sources.datasets.layouts import LAYOUTS


def nightshift(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def converted(name: str, folder: Path, *more: str) -> str:
    (folder / "in").mkdir(exist_ok=True)
    found = LAYOUTS[name](folder / "in") if not list((folder / "in").iterdir()) else folder / "in"
    done = nightshift("dataset", name, "--from", str(found), "--out", str(folder / "out"), *more)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("name", ["movielens-1m", "amazon-2018", "mind", "goodreads", "steam-libraries"])
def test_check_works_on_a_converted_data_set(name: str, tmp_path: Path) -> None:
    told = converted(name, tmp_path)
    config = tmp_path / "out" / "nightshift.yaml"
    assert f"next: nightshift check --config {config}" in told
    checked = nightshift("check", "--json", "--config", str(config))
    assert checked.exit_code == 0, checked.output
    found = json.loads(checked.output)
    assert (found["ok"], found["sources"]["items"]) == (True, 3 if name == "mind" else 2)
    assert found["sources"]["events"] > 0


def test_the_command_prints_counts_the_licence_and_what_could_be_left_out(tmp_path: Path) -> None:
    told = converted("amazon-2018", tmp_path)
    assert "items.parquet: 3 items" in told
    assert "interactions.parquet: 2 events, of 1 different items" in told
    assert "licence: research use" in told
    assert "2 items have no event, and every item costs tokens: --only-seen leaves them out" in told
    assert "items.parquet: 2 items" in converted("amazon-2018", tmp_path, "--only-seen")


def test_the_list_names_every_format_with_its_home() -> None:
    told = nightshift("dataset", "--list")
    assert told.exit_code == 0
    for format in FORMATS.values():
        assert format.name in told.output
        assert format.home in told.output


def test_what_is_missing_or_unknown_is_an_input_error(tmp_path: Path) -> None:
    for words in ([], ["mind"], ["mind", "--from", str(tmp_path)]):
        refused = nightshift("dataset", *words)
        assert isinstance(refused.exception, InputError)
        assert "nightshift dataset NAME --from PATH --out DIR" in str(refused.exception)
    unknown = nightshift("dataset", "netflix", "--from", str(tmp_path), "--out", str(tmp_path))
    assert "no data set format is called 'netflix'" in str(unknown.exception)
    missing = nightshift("dataset", "mind", "--from", str(tmp_path / "x"), "--out", str(tmp_path))
    assert isinstance(missing.exception, SourceError)
