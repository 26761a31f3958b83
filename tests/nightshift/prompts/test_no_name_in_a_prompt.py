"""Nothing that is not on a prompt's allow-list reaches a model, whatever the tables hold."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from nightshift.enrichments.registry import asked, by_default
from nightshift.night.config import Settings
from nightshift.night.night import Night
from nightshift.prompts.item_text import ITEM_FIELDS
from nightshift.tables import INTERACTIONS, ITEMS

PROMPTED = asked(by_default())

MARK = "SECRET"
MOMENT = datetime(2024, 1, 1, tzinfo=UTC)
ALLOWED = {
    "group_facts": ("group", "titles"),
    "item_tag_scores": ITEM_FIELDS,
    "item_facts": ITEM_FIELDS,
    "user_preferences": ("liked", "disliked"),
}


def marked_items() -> pl.DataFrame:
    plain = {"title": ["Fargo", "Heat"], "text": ["snow", None], "attributes": [["Crime"], ["Action"]]}
    others = {
        "item_id": [f"{MARK}-1", f"{MARK}-2"],
        "created_at": None,
        "seller": f"{MARK} seller",
        "price": f"{MARK} 9.99",
    }
    return pl.DataFrame(plain | others, schema_overrides={"created_at": pl.Datetime("us", "UTC")})


def marked_events() -> pl.DataFrame:
    rows = {
        "item_id": [f"{MARK}-1", f"{MARK}-2"] * 3,
        "label": [1.0, 0.0] * 3,
        "timestamp": [MOMENT.replace(hour=n) for n in range(6)],
    }
    others = {
        "user_id": f"{MARK}-anna@example.org",
        "kind": f"{MARK} kind",
        "request_id": f"{MARK} request",
        "ip": f"{MARK} 10.0.0.1",
    }
    return pl.DataFrame(rows).with_columns(pl.lit(value).alias(name) for name, value in others.items())


@pytest.fixture(params=["line", "json"])
def night(tmp_path: Path, request: pytest.FixtureRequest) -> Night:
    sources = {
        "items": {"path": "i.csv", "item_id": "item_id"},
        "interactions": {
            "path": "e.csv",
            "user_id": "user_id",
            "item_id": "item_id",
            "timestamp": "timestamp",
        },
    }
    settings = {
        "sources": sources,
        "nights": {"first": "2024-01-02"},
        "llm": {"backend": "echo"},
        "encoder": {"backend": "hashing"},
        "home": tmp_path,
        "facts": {"min_group_items": 1},
    }
    return Night(Settings.model_validate(settings), date(2024, 1, 2))


def everything_asked(night: Night) -> dict[str, list[str]]:
    """Texts of every prompt, from rows that carry columns which no prompt may read."""
    items, events = marked_items(), marked_events()
    tags = pl.DataFrame({"item_id": items["item_id"], "tags": [["dark"], ["tense"]]})
    unscored = night.registry["item_tag_scores"].table.empty()
    tables = night.given(items, events, item_tag_scores=unscored, item_facts=tags)
    found: dict[str, list[str]] = {}
    for name in PROMPTED:
        step = tables.step(name)
        rows = step.rows.with_columns(email=pl.lit(f"{MARK}@example.org"), seller=pl.lit(MARK))
        asked_again = night.prompts[name].requests(rows, night.identity)["text"].to_list()
        found[name] = [*step.requests["text"].to_list(), *asked_again]
    return found


@pytest.mark.parametrize("table", PROMPTED)
def test_no_name_in_a_prompt(night: Night, table: str) -> None:
    prompt = night.prompts[table]
    texts = everything_asked(night)[table]
    assert texts, "the prompt asked nothing, so it proves nothing"
    assert any("Fargo" in text for text in texts)
    assert MARK not in "".join(
        [prompt.instructions, *texts, *(q.stem + "".join(q.choices) for q in prompt.questions)]
    )


@pytest.mark.parametrize("table", PROMPTED)
def test_a_prompt_reads_nothing_but_its_declared_fields(night: Night, table: str) -> None:
    assert night.prompts[table].fields == ALLOWED[table]
    assert not {"item_id", "user_id", "kind", "request_id"} & set(night.prompts[table].fields)


def test_a_field_that_a_builder_was_not_promised_is_not_there(night: Night) -> None:
    seen: set[str] = set()
    prompt = night.prompts["item_facts"]
    nosy = type(prompt)(**{**vars(prompt), "build": lambda row: seen.update(row) or ""})
    nosy.requests(marked_items(), night.identity)
    assert seen == set(ITEM_FIELDS)


def test_the_marked_tables_hold_every_column_of_ours() -> None:
    assert set(ITEMS.columns) <= set(marked_items().columns)
    assert set(INTERACTIONS.columns) <= set(marked_events().columns)
