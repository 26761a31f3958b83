"""The walk of docs/own_data.md by somebody with two files: its commands as they stand on the page, from
nothing to features."""

import json
import random
import re
import shlex
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from jobs.cli import app
from jobs.init import write_first
from nightshift.errors import InputError
from nightshift.night.config import load_settings
from nightshift.storage.store import Store
from nightshift.tables import CANDIDATES, ITEM_FACTS, ITEMS, USER_PREFERENCES
from tests.nightshift.sources.onboarding.shapes import SUBJECTS, shop, write

PAGE = (Path(__file__).parents[2] / "docs" / "own_data.md").read_text("utf-8")
WALK = PAGE[: PAGE.index("## What it is worth")]


def commands() -> list[str]:
    """The page's commands, in order: lines of a block that begin with the command itself."""
    return re.findall(r"^    (nightshift .*)$", WALK, re.MULTILINE)


def typed(command: str) -> str:
    """Run a command in this process, with its `> file`; what it printed."""
    words, _, file = command.partition(" > ")
    done = CliRunner().invoke(app, shlex.split(words)[1:])
    assert done.exit_code == 0, f"{command}: {done.output}{done.exception!r}"
    if file:
        Path(file).write_text(done.stdout)
    return done.output


def small_shop() -> tuple[pl.DataFrame, pl.DataFrame]:
    """24 products whose descriptions are HTML, and the events of some ten customers, up to yesterday."""
    items, events = shop(random.Random(5))
    items = items.head(24).with_columns(
        long_description=pl.format(
            "<p><b>{}</b></p><ul><li>Easy to keep &amp; clean</li></ul>", "long_description"
        ),
        dept=pl.Series([("Kitchen", "Garden", "Toys")[number % 3] for number in range(24)]),
    )
    few = events.filter(pl.col("sku").is_in(items["sku"].implode()) & pl.col("customer").str.ends_with("1"))
    return items, few.with_columns(pl.col("event_time") - 86_400_000)


def test_the_page_walks_through_every_step() -> None:
    assert [command.split()[1] for command in commands()] == ["init", "check", "plan", "run", "plan"]


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.xdist_group("model")
def test_two_unknown_files_become_a_whole_night_of_features(
    tmp_path: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NIGHTSHIFT_CACHE", str(model_cache))
    write(tmp_path, small_shop())
    said = [typed(command) for command in commands()]
    settings = load_settings(tmp_path / "nightshift.yaml")
    store = Store(settings.home_folder)
    night = store.newest(ITEM_FACTS)
    assert night is not None
    facts, items = store.read(ITEM_FACTS, night), store.read(ITEMS, night)
    assert facts.height == items.height == 24
    assert set(facts["origin"]) <= {"llm", "group", "template"}
    assert (facts["origin"] == "llm").mean() > 0.8, "the small model wrote for most items"
    assert facts["model_id"].drop_nulls().str.starts_with("smollm2-135m-instruct@").all()
    assert not items["text"].str.contains(r"<|&amp;").any(), "markup never reaches a prompt"
    assert any(word in " ".join(facts["summary"]).lower() for word in SUBJECTS)
    assert store.read(USER_PREFERENCES, night).height > 0
    assert not store.read(CANDIDATES, night).is_empty()
    assert all(
        line.split()[3] == "0"
        for line in said[-1].splitlines()
        if line.strip().startswith(("group_", "item_", "user_"))
    ), "all answered"
    python_of_the_page()


def python_of_the_page() -> None:
    """The page's own lines find a row for every candidate, with columns of both sides."""
    (code,) = re.findall(r"```python\n(.*?)```", WALK, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(code, "own_data.md", "exec"), names)
    rows = names["rows"]
    assert isinstance(rows, pl.DataFrame)
    assert rows.height > 0
    assert {"user_id", "item_id", "base__events", "base__events_item"} <= set(rows.columns)


def test_a_shop_without_a_model_walks_the_same_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps before the run, quickly, and what the vocabulary and the plan come to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NIGHTSHIFT_LLM__BACKEND", "echo")
    monkeypatch.setenv("NIGHTSHIFT_ENCODER__BACKEND", "hashing")
    write(tmp_path, small_shop())
    for command in commands()[:2]:
        typed(command)
    told = json.loads(typed("nightshift check --json"))
    assert told["next"] == "nightshift plan"
    assert told["sources"]["kinds"].keys() == {"add_to_cart", "purchase"}
    assert told["sources"]["other_kinds"] > 0
    planned = json.loads(typed("nightshift plan --json"))
    assert {table["table"]: table["pending"] for table in planned["tables"]}["item_facts"] == 24
    assert "category" in (tmp_path / "vocabulary.yaml").read_text()


def mistakes(folder: Path) -> list[str]:
    """What is said to somebody who makes each of the page's mistakes."""
    items, events = shop(random.Random(4))
    late = (
        pl.when(pl.int_range(pl.len()) % 5 == 0)
        .then(pl.col("event_time") + 200 * 86_400_000)
        .otherwise("event_time")
    )
    write(folder, (items, events))
    items.write_csv(folder / "semicolons.csv", separator=";")
    pl.concat([items, items.head(1)]).write_parquet(folder / "twice.parquet")
    events.with_columns(pl.col("sku").str.replace("SKU-", "sku")).write_parquet(folder / "others.parquet")
    events.with_columns(event_time=pl.lit("11/22/2026 18:30")).write_parquet(folder / "american.parquet")
    events.with_columns(event_time=late).write_parquet(folder / "late.parquet")
    both = {"items.item_id": "sku", "interactions.item_id": "sku"}
    return [
        refused(folder, "item.parquet", "events.parquet"),
        refused(folder, "items.parquet", "events.parquet", {"interactions.user_id": "costumer"}),
        refused(folder, "items.parquet", "events.parquet", {"interactions.timestamp_unit": "s"}),
        refused(folder, "items.parquet", "late.parquet").replace("late.parquet", "events.parquet"),
        refused(folder, "twice.parquet", "events.parquet").replace("twice.parquet", "items.parquet"),
        refused(folder, "items.parquet", "others.parquet", both),
        refused(folder, "semicolons.csv", "events.parquet"),
        refused(folder, "items.parquet", "american.parquet"),
    ]


def refused(folder: Path, items: str, events: str, answers: dict[str, str] | None = None) -> str:
    out = folder / "nightshift.yaml"
    with pytest.raises(InputError) as stopped:
        write_first(
            str(folder / items), str(folder / events), out, answers or {}, force=False, ask=None, yes=True
        )
    assert not out.exists()
    return str(stopped.value)


def test_the_page_tells_of_every_mistake_in_the_words_in_which_it_is_said(tmp_path: Path) -> None:
    table = PAGE.split("## When something is wrong")[1].split("\n## ")[0]
    quoted = re.findall(r"^\| `(.*?)` \|", table, re.MULTILINE)
    said = mistakes(tmp_path)
    assert len(quoted) == len(said)
    for words, message in zip(quoted, said, strict=True):
        pattern = re.sub(r"\d+", r"\\d+", re.escape(words)).replace("/shop", r"\S+").replace(r"\.\.\.", ".*")
        assert re.search(pattern, message, re.DOTALL), (
            f"the page says {words!r}, the program says {message!r}"
        )
