"""`nightshift enrichments`: all there are, what one would ask, a first file. No model is loaded."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.cli import app
from jobs.enrichments import FIRST
from nightshift.night.config import load_settings
from nightshift.storage.ledger import Ledgers
from tests.shop import Shop


def said(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["enrichments", *words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.parametrize("entity", FIRST)
def test_a_first_file_passes_the_check_as_it_is(entity: str, shop: Shop) -> None:
    shop.write()
    config = ["--config", str(shop.config)]
    before = shop.config.read_text()
    told = said("new", "occasion", "--entity", entity, *config)
    assert "nightshift enrichments check occasion" in told
    lines = (shop.folder / "enrichments" / "occasion.yaml").read_text().splitlines()
    assert 12 <= len(lines) <= 20
    assert shop.config.read_text() == f"{before.rstrip()}\nenrichments: {{folder: enrichments}}\n"
    found = json.loads(said("check", "occasion", "--json", *config))
    assert found["entity"] == entity
    assert len(found["texts"]) == 3
    assert found["choices"] == {"choice": ["weekdays", "weekends", "holidays"]}
    assert found["plan"]["pending"] > 0
    assert Ledgers(load_settings(shop.config).home_folder).answers.lookup([], ["content_key"]).is_empty()


def test_the_screen_shows_prompts_allow_list_limit_schema_and_plan(shop: Shop) -> None:
    shop.write(llm={"backend": "openai", "model": "m", "server": {"base_url": "http://127.0.0.1:9"}})
    said("new", "occasion", "--config", str(shop.config))
    screen = said("check", "occasion", "--config", str(shop.config))
    for words in (
        "title, attributes, text",
        "tokens",
        '"enum":["weekdays"',
        "Row 3",
        "pending",
        "enrichments/occasion.yaml",
    ):
        assert words in screen


def test_all_are_listed_with_where_they_are_declared(shop: Shop) -> None:
    shop.write()
    said("new", "occasion", "--config", str(shop.config))
    rows = json.loads(said("--json", "--config", str(shop.config)))
    assert [row["table"] for row in rows] == [
        "group_facts",
        "item_tag_scores",
        "item_facts",
        "user_preferences",
        "occasion",
    ]
    assert [row["kind"] for row in rows] == ["written", "chosen", "written", "written", "chosen"]
    assert rows[-1] == {
        "table": "occasion",
        "entity": "item",
        "kind": "chosen",
        "rows": None,
        "calls": 0,
        "cost_usd": 0.0,
        "declared": "enrichments/occasion.yaml",
    }
    screen = said("list", "--config", str(shop.config))
    assert "occasion" in screen
    assert "user_preferences" in screen


def test_a_second_file_goes_into_the_folder_that_is_named(shop: Shop) -> None:
    shop.write()
    shop.config.write_text(shop.config.read_text() + "enrichments: {folder: mine}\n")
    before = shop.config.read_text()
    said("new", "one", "--config", str(shop.config))
    said("new", "two", "--entity", "user", "--config", str(shop.config))
    assert sorted(path.name for path in (shop.folder / "mine").iterdir()) == ["one.yaml", "two.yaml"]
    assert shop.config.read_text() == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("new", "items"), "taken by a table of every night"),
        (("new", "item_facts"), "taken"),
        (("new", "my-own"), "cannot be a name"),
        (("new", "../out"), "cannot be a name"),
        (("new", "fine", "--entity", "itme"), "none of item, user"),
        (("check", "item_fact"), "did you mean 'item_facts'"),
    ],
)
def test_a_wrong_name_is_refused_and_leaves_nothing(words: tuple[str, ...], says: str, shop: Shop) -> None:
    shop.write()
    before = shop.config.read_text()
    with pytest.raises(Exception, match=says):
        said(*words, "--config", str(shop.config))
    assert shop.config.read_text() == before
    assert not list(shop.folder.rglob("*.yaml~"))
    assert not (shop.folder / "out.yaml").exists()


def test_a_file_that_is_there_is_kept(shop: Shop) -> None:
    shop.write()
    said("new", "one", "--config", str(shop.config))
    with pytest.raises(Exception, match="is there already"):
        said("new", "one", "--config", str(shop.config))


def test_a_mistake_in_a_file_stops_every_command(shop: Shop) -> None:
    shop.write()
    said("new", "one", "--config", str(shop.config))
    path: Path = shop.folder / "enrichments" / "one.yaml"
    path.write_text(path.read_text().replace("{title}", "{titel}"))
    for words in (["plan"], ["check"], ["enrichments"], ["enrichments", "check", "one"]):
        done = CliRunner().invoke(app, [*words, "--config", str(shop.config)])
        assert "enrichments/one.yaml:5: prompt: unknown placeholder {titel}; did you mean 'title'" in str(
            done.exception
        )
