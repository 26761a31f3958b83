"""Complaint: endless or invalid JSON, one request in three, and failures kept as if they were answers.

Whole nights in the JSON form against a server that answers badly at first: cut, endless, in prose, outside
the vocabulary.
"""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobs.running import run_job
from nightshift.models.llm.base import Decoding, Request
from nightshift.models.llm.echo import EchoLLM
from nightshift.night.config import load_settings
from nightshift.prompts.reask import HINTS
from nightshift.sources.datasets.synthetic import SyntheticSettings, make_world
from nightshift.tables import ITEM_FACTS, REJECTS
from pipelines.workers import loaded_llm
from tests.loopback import Action, Asked, Behaviour, Loopback, proper
from tests.shop import Shop, open_shop

pytestmark = [pytest.mark.loopback, pytest.mark.slow]
STILL_BAD = {"max_reject_share": 1.0}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    yield open_shop(tmp_path, make_world(SyntheticSettings(seed=7, n_users=6, n_items=24, days=30)))
    loaded_llm.cache_clear()


def point(shop: Shop, url: str, **facts: Any) -> None:
    server = {
        "base_url": url,
        "api_key_env": None,
        "retries": 0,
        "usd_per_million_prompt": 0.0,
        "usd_per_million_new": 0.0,
    }
    shop.write(
        llm={"backend": "openai", "model": "tiny@r1", "server": server},
        budget={"tables": {"item_tag_scores": 0}},
        facts={"form": "json"} | facts,
        preferences={"form": "json"},
        checks=STILL_BAD,
    )


def night(shop: Shop) -> None:
    run_job(shop.config, None, load_settings(shop.config), "nightly_enrichment", shop.nights()[0])


def right(asked: Asked) -> str:
    """An answer of the schema that the server was sent; of none, where a prompt has no schema."""
    sent = asked.payload.get("response_format")
    schema = json.dumps(sent["json_schema"]["schema"]) if sent else None
    (said,) = EchoLLM().answer(
        [Request("", "", asked.text, Decoding(max_new_tokens=10_000, json_schema=schema))]
    )
    return said.text


def bad(asked: Asked) -> Action:
    """One of five bad answers, by the row's text, and one that is only dressed badly."""
    whole = right(asked)
    if not whole.startswith("{"):
        return proper()
    ways = [
        proper(content=whole[: len(whole) // 2], finish="length"),
        proper(content="{" + " \n" * 50_000, finish="length"),
        proper(content=f"Sure! Here is the JSON you asked for:\n{whole}\nAnything else?"),
        proper(content=whole[:-1] + ',"stars":5}'),
        proper(
            content=json.dumps(
                {name: "no such tag" if name != "summary" else "A thing." for name in json.loads(whole)}
            )
        ),
        proper(content=f"\n\n```json\n{whole}\n```\n" + " " * 1_000),
    ]
    return ways[zlib.crc32(asked.text.splitlines()[1].encode()) % len(ways)]


def learns(asked: Asked) -> Action:
    """Bad at first, right once it is told what was wrong."""
    told = any(hint in asked.text for hint in HINTS.values())
    return proper(content=right(asked)) if told else bad(asked)


def facts_asked(server: Loopback) -> list[str]:
    return [asked.text for asked in server.asked if asked.text.startswith("<item>")]


def run(shop: Shop, behaviour: Behaviour, **facts: Any) -> list[str]:
    """A night against a server of its own; the items' texts that it was asked."""
    with Loopback(behaviour) as server:
        point(shop, server.url, **facts)
        night(shop)
        return facts_asked(server)


def facts(shop: Shop) -> pl.DataFrame:
    return shop.night().store.read(ITEM_FACTS, shop.nights()[0])


def rejects(shop: Shop) -> pl.DataFrame:
    return shop.night().store.read(REJECTS, shop.nights()[0]).filter(pl.col("table") == "item_facts")


def test_bad_json_is_asked_once_more_with_what_was_wrong_and_never_kept_as_an_answer(shop: Shop) -> None:
    asked = run(shop, learns)
    ledgers = shop.night().ledgers
    refused = ledgers.rejects.query(lambda rows: rows.filter(pl.col("table") == "item_facts"))
    assert {"too_long", "not_json", "schema", "unknown_tag"} <= set(refused["reason"])
    assert len(asked) == 24 + refused.height, "a bad answer costs one more call, a badly dressed one none"
    for reason in set(refused["reason"]):
        assert (
            sum(HINTS[reason] in text for text in asked) == refused.filter(pl.col("reason") == reason).height
        )
    kept = ledgers.answers.query(lambda rows: rows.filter(pl.col("table") == "item_facts"))["text"]
    assert kept.len() == 24
    assert all(json.loads(text.strip().removeprefix("```json").removesuffix("```")) for text in kept)
    assert set(facts(shop)["origin"]) == {"llm"}
    tags = set(facts(shop)["tags"].explode())
    assert tags
    assert tags <= set(shop.night().vocabulary.tags)
    assert run(shop, learns) == [], "nothing is left to ask"


def test_a_model_that_never_learns_is_left_after_two_attempts_and_the_night_is_published(shop: Shop) -> None:
    asked = run(shop, bad)
    refused = rejects(shop)
    assert 0 < refused.height < 24
    assert len(asked) == 24 + refused.height
    given_up = facts(shop).filter(pl.col("item_id").is_in(refused["key"].implode()))
    assert not set(given_up["origin"]) & {"llm"}
    assert run(shop, bad) == []


def test_another_rule_of_what_is_accepted_reads_stored_answers_again_without_a_call(shop: Shop) -> None:
    strict = {"max_summary_words": 5}
    run(shop, lambda asked: proper(content=right(asked)), **strict)
    refused = facts(shop)
    assert set(rejects(shop)["reason"]) == {"too_long"}
    assert run(shop, bad) == [], "rejected answers are read again"
    assert set(facts(shop)["origin"]) == {"llm"}
    assert run(shop, bad, **strict) == []
    assert (
        facts(shop).select("item_id", "summary", "tags").equals(refused.select("item_id", "summary", "tags"))
    )
