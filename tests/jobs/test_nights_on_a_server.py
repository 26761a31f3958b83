"""Whole nights whose sentences come from a server on this machine, kind and unkind."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobs.costs import costs
from jobs.planning import plan_night
from jobs.running import run_job
from nightshift.errors import NightFailed
from nightshift.night.checks import not_scored
from nightshift.night.config import load_settings
from nightshift.tables import ITEM_FACTS, ITEM_TAG_SCORES, REJECTS, USER_PREFERENCES
from pipelines.workers import loaded_llm
from tests.loopback import Action, Asked, Loopback, proper, raw
from tests.loopback_batches import Fate, Provider
from tests.web_server import free_port

pytestmark = pytest.mark.loopback
KEY = "sk-secret-of-the-night-0123456789"


@pytest.fixture(autouse=True)
def _a_night_ends_its_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NIGHT_KEY", KEY)
    yield
    loaded_llm.cache_clear()


def point(shop: Any, url: str, usd: float | None = None, **server: Any) -> None:
    """Let the shop's nights ask this server."""
    asked = {
        "base_url": url,
        "retries": 1,
        "api_key_env": "NIGHT_KEY",
        "usd_per_million_prompt": 1.0,
        "usd_per_million_new": 10.0,
    }
    llm = {"backend": "openai", "model": "tiny@r1", "server": asked | server}
    shop.write(llm=llm, budget={"usd": usd})


def run(shop: Any) -> None:
    run_job(shop.config, None, load_settings(shop.config), "nightly_enrichment", shop.nights()[0])


def read(shop: Any, table: Any) -> pl.DataFrame:
    frame: pl.DataFrame = shop.night().store.read(table, shop.nights()[0])
    return frame


def files_with(secret: str, folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


@pytest.mark.parametrize("endpoint", ["chat", "completions"])
def test_a_night_is_written_by_a_server_and_the_next_run_asks_it_nothing(
    shop: Any, endpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Loopback() as server:
        point(shop, server.url, endpoint=endpoint)
        run(shop)
        paid = len(server.asked)
        run(shop)
    facts, users = read(shop, ITEM_FACTS), read(shop, USER_PREFERENCES)
    assert len(server.asked) == paid > facts.height
    assert set(facts["origin"]) == {"llm"}
    assert "llm" in set(users["origin"])
    assert set(facts["model_id"]) == {"tiny@r1"}
    answers = shop.night().ledgers.answers.scan().collect()
    costs = answers["prompt_tokens"] * 1e-6 + answers["new_tokens"] * 1e-5
    assert answers["cost_usd"].to_list() == pytest.approx(costs.to_list())
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert not files_with(KEY, shop.folder)
    assert KEY not in caplog.text


def test_rows_that_the_server_failed_end_as_rejects_and_the_next_run_asks_only_them(shop: Any) -> None:
    items = shop.items().with_columns(
        title=pl.when(pl.int_range(pl.len()) < 3).then("Cursed " + pl.col("title")).otherwise("title")
    )
    shop.write_items(items)
    cursed = set(items["item_id"].head(3).cast(pl.String))

    def unkind(asked: Asked) -> Action | None:
        return raw(b"{", length=400) if asked.text.startswith("Item: Cursed") else None

    with Loopback(unkind) as server:
        point(shop, server.url)
        run(shop)
        tries = [asked.text for asked in server.asked if asked.text.startswith("Item: Cursed")]
        assert len(tries) == 6, "two tries a row in the whole run"
        rejects = read(shop, REJECTS).filter(pl.col("table") == "item_facts")
        assert set(rejects["reason"]) == {"server"}
        assert set(rejects["key"]) == cursed
        assert set(read(shop, ITEM_FACTS).filter(pl.col("item_id").is_in(list(cursed)))["origin"]) <= {
            "group",
            "template",
        }
        run(shop)  # fails again, and ends again
        pending = {table.table: table.pending for table in plan_night(shop.night()).tables}["item_facts"]
        assert set(pending["row_id"]) == cursed
        assert set(pending["attempt"]) == {1}, "what the server failed is no attempt"
        server.behaviour = lambda asked: None
        before = len(server.asked)
        run(shop)
    assert len(server.asked) - before == 3
    assert set(read(shop, ITEM_FACTS)["origin"]) == {"llm"}
    assert read(shop, REJECTS).filter(pl.col("reason") == "server").is_empty()


def test_a_night_spends_no_more_money_than_its_budget_and_publishes_all_the_same(shop: Any) -> None:
    with Loopback() as server:
        point(shop, server.url, usd=0.01)
        planned = sum(table.cost_usd for table in plan_night(shop.night()).tables)
        run(shop)
    spent = shop.night().ledgers.answers.scan().collect()["cost_usd"].sum()
    assert 0 < planned <= 0.01
    assert 0.008 < spent <= 0.01
    assert set(read(shop, ITEM_FACTS)["origin"]) == {"llm", "group", "template"}


def test_a_night_without_its_server_fails_and_says_where_it_looked(shop: Any) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    point(shop, url, retries=0)
    with pytest.raises(NightFailed, match=f"no server at llm.server.base_url {url}"):
        run(shop)


def test_a_server_that_cannot_score_is_not_asked_to_and_no_check_fails_for_it(shop: Any) -> None:
    with Loopback() as server:
        point(shop, server.url)
        assert {table.table: table.pending.height for table in plan_night(shop.night()).tables}[
            "item_tag_scores"
        ] == 0
        run(shop)
    assert read(shop, ITEM_TAG_SCORES).is_empty()
    assert set(read(shop, ITEM_FACTS)["origin"]) == {"llm"}
    assert not_scored("openai").message == "not scored: backend openai writes answers only"


def test_tags_that_were_scored_once_are_carried_by_a_night_that_cannot_score(shop: Any) -> None:
    shop.write()
    run(shop)
    scored = read(shop, ITEM_TAG_SCORES)
    with Loopback() as server:
        point(shop, server.url)
        run_job(shop.config, None, load_settings(shop.config), "nightly_enrichment", shop.nights()[1])
    carried = shop.night().store.read(ITEM_TAG_SCORES, shop.nights()[1])
    assert set(carried["origin"]) == {"carried"}
    assert carried.height == scored.height


@pytest.mark.slow
def test_a_night_through_batch_files_publishes_without_them_and_the_next_run_takes_them_up(shop: Any) -> None:
    with Provider(Fate(polls=10**6)) as provider:
        point(shop, provider.url, usd=None)
        llm = load_settings(shop.config).llm.model_dump(mode="json") | {"backend": "openai_batch"}
        shop.write(llm=llm | {"batch": {"poll_seconds": 0.05, "max_wait_hours": 0.2 / 3600}})
        run(shop)
        assert set(read(shop, ITEM_FACTS)["origin"]) <= {"template", "group"}
        assert set(read(shop, REJECTS)["reason"]) == {"waiting"}
        assert shop.night().ledgers.answers.scan().collect().is_empty()
        sent = provider.sent()
        for batch in provider.batches:
            batch.fate.polls = 0
        provider.fates = [Fate(polls=0)]
        run(shop)
        assert set(read(shop, ITEM_FACTS)["origin"]) == {"llm"}
        assert provider.sent() == sent, "nothing was bought again"
        run(shop)
        assert provider.sent() == sent
    answers = shop.night().ledgers.answers.scan().collect()
    costs = answers["prompt_tokens"] * 1e-6 + answers["new_tokens"] * 1e-5
    assert answers["cost_usd"].sum() == pytest.approx(costs.sum())
    assert not files_with(KEY, shop.folder)


def test_users_are_shown_the_tags_of_json_answers_where_a_model_cannot_score(shop: Any) -> None:
    def in_json(asked: Asked) -> Action:
        tagged = {"summary": "A thing of the shop.", "kind": "green", "use": "work"}
        return proper(
            content=json.dumps(tagged)
            if "response_format" in asked.payload
            else "Such a thing is sold in the shop."
        )

    with Loopback(in_json) as server:
        point(shop, server.url)
        shop.write(llm=load_settings(shop.config).llm.model_dump(mode="json"), facts={"form": "json"})
        run(shop)
        assert {tuple(tags) for tags in read(shop, ITEM_FACTS)["tags"]} == {("green", "work")}
        histories = [asked.text for asked in server.asked if "Liked" in asked.text]
        assert histories
        assert all("green" in text for text in histories)
        assert plan_night(shop.night()).pending == 0


def test_a_server_that_counts_nothing_cannot_defeat_the_budget(
    shop: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with Loopback(lambda asked: proper(usage={"prompt_tokens": 0, "completion_tokens": 0})) as server:
        point(shop, server.url)
        shop.write(llm=load_settings(shop.config).llm.model_dump(mode="json"), budget={"tokens": 1500})
        run(shop)
        asked = len(server.asked)
    ledgers = shop.night().ledgers
    rows = ledgers.answers.scan().collect()
    spent = rows["prompt_tokens"].sum() + rows["new_tokens"].sum()
    assert 0 < spent <= 1500
    assert asked < shop.items().height
    assert costs(shop.night().store, ledgers)["total"]["prompt_tokens"] == rows["prompt_tokens"].sum()
    assert "estimated" in caplog.text


def test_replies_that_cannot_be_read_are_paid_once_more_and_stand_in_the_costs_and_in_the_budget(
    shop: Any,
) -> None:
    body = json.dumps({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 7}}).encode()
    with Loopback(lambda asked: raw(body)) as server:
        point(shop, server.url, retries=5)
        shop.write(llm=load_settings(shop.config).llm.model_dump(mode="json"), budget={"tokens": 3000})
        with pytest.raises(NightFailed):
            run(shop)
        asked = len(server.asked)
    total = costs(shop.night().store, shop.night().ledgers)["total"]
    assert (total["prompt_tokens"], total["new_tokens"]) == (100 * asked, 7 * asked)
    assert 107 * asked <= 3000 + 2 * 107 * 8, "what is in flight is the most by which a limit is missed"


def test_a_balance_that_ends_in_the_middle_of_a_night_fails_it_keeps_what_was_paid_and_the_next_run_goes_on(
    shop: Any,
) -> None:
    def emptied(asked: Asked) -> Action | None:
        body = b'{"error": {"message": "Insufficient Balance", "code": 402}}'
        return raw(body) if asked.number >= 12 else None

    with Loopback(emptied) as server:
        point(shop, server.url, concurrency=1)
        with pytest.raises(NightFailed, match="Insufficient Balance"):
            run(shop)
        assert len(server.asked) == 13
        assert shop.night().ledgers.answers.scan().collect().height == 12
        server.behaviour = lambda asked: None
        run(shop)
    texts = [asked.text for asked in server.asked]
    assert len(texts) == len(set(texts)) + 1, "only the row that was refused is sent again"
    assert set(read(shop, ITEM_FACTS)["origin"]) == {"llm"}
