"""A configuration without nights is told which it could have."""

import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from nightshift.errors import ConfigError
from nightshift.night.config import load_settings
from nightshift.sources.onboarding import Samples, draft_of
from tests.nightshift.sources.onboarding.shapes import NOW, movie_ratings, news_impressions, shop, write


def refused(folder: Path, raw: dict[str, Any]) -> str:
    (folder / "nightshift.yaml").write_text(yaml.safe_dump(raw))
    with pytest.raises(ConfigError) as stopped:
        load_settings(folder / "nightshift.yaml")
    return str(stopped.value)


def mapping(folder: Path, make: Any = shop) -> dict[str, Any]:
    blocks = draft_of(Samples.of(*write(folder, make(random.Random(1))), folder), {}, NOW).blocks()
    return {"sources": blocks}


@pytest.mark.parametrize("make", [shop, movie_ratings, news_impressions])
def test_the_block_that_is_proposed_loads(make: Any, tmp_path: Path) -> None:
    raw = mapping(tmp_path, make)
    said = refused(tmp_path, raw)
    assert "nights: Field required" in said
    assert "by the events' own dates" in said
    block = yaml.safe_load(said[said.index("\nnights:\n") :])
    (tmp_path / "nightshift.yaml").write_text(yaml.safe_dump(raw | block))
    assert load_settings(tmp_path / "nightshift.yaml").nights.first == block["nights"]["first"]


def test_a_block_without_its_first_night_is_told_the_same(tmp_path: Path) -> None:
    assert "by the events' own dates" in refused(tmp_path, mapping(tmp_path) | {"nights": {"keep_nights": 3}})


@pytest.mark.parametrize("broken", ["no file", "no sources", "not a file of events"])
def test_where_the_files_say_nothing_an_example_is_given(broken: str, tmp_path: Path) -> None:
    raw = mapping(tmp_path)
    if broken == "no file":
        (tmp_path / "events.parquet").unlink()
    elif broken == "no sources":
        raw = {}
    else:
        pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "events.parquet")
    said = refused(tmp_path, raw)
    assert "add it, such as\nnights:\n  first: 2026-01-31" in said
