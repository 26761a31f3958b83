"""Whole small nights by real models of llama.cpp: behind its HTTP server, and in this process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.running import run_job
from nightshift.night.config import load_settings
from nightshift.sources.datasets.synthetic import SyntheticSettings, make_world
from nightshift.tables import ITEM_FACTS
from pipelines.workers import loaded_llm
from tests.shop import Shop, open_shop

pytestmark = [pytest.mark.loopback, pytest.mark.model, pytest.mark.xdist_group("model"), pytest.mark.slow]
ITEMS = 6
LENIENT = {"max_reject_share": 1.0}
"""What so small a model says of made-up goods is not what is tested."""


@pytest.fixture
def corner_shop(tmp_path: Path) -> Iterator[Shop]:
    """Few items and users: every sentence takes a real model a moment."""
    yield open_shop(tmp_path, make_world(SyntheticSettings(seed=7, n_users=4, n_items=ITEMS, days=30)))
    loaded_llm.cache_clear()


def check_two_nights(shop: Shop) -> None:
    """The first is written by the model, with honest counts; the second asks nothing."""
    run_job(shop.config, None, load_settings(shop.config), "nightly_enrichment", shop.nights()[0])
    facts = shop.night().store.read(ITEM_FACTS, shop.nights()[0])
    answers = shop.night().ledgers.answers.scan().collect()
    assert facts.height == ITEMS
    assert "llm" in set(facts["origin"])
    assert answers["prompt_tokens"].min() > 0
    assert answers["new_tokens"].min() > 0
    assert answers["cached_tokens"].sum() > 0, "the shared instructions were read once"
    rejected = shop.night().ledgers.rejects.scan().collect().height
    run_job(shop.config, None, load_settings(shop.config), "nightly_enrichment", shop.nights()[0])
    assert shop.night().ledgers.answers.scan().collect().height == answers.height
    assert shop.night().ledgers.rejects.scan().collect().height == rejected


def test_a_night_is_written_by_a_real_server(corner_shop: Shop, llama_url: str) -> None:
    server: dict[str, Any] = {
        "base_url": llama_url,
        "endpoint": "completions",
        "concurrency": 4,
        "api_key_env": None,
    }
    corner_shop.write(
        llm={"backend": "openai", "model": "smollm2@b179c952", "context_tokens": 1024, "server": server},
        checks=LENIENT,
    )
    check_two_nights(corner_shop)


def test_a_night_is_written_in_json_by_a_gguf_file_in_this_process(
    corner_shop: Shop, gguf_cache: Path
) -> None:
    llm = {
        "backend": "llama_cpp",
        "context_tokens": 1024,
        "threads": 1,
        "llama_cpp": {"slots": 4, "endpoint": "chat"},
    }
    corner_shop.write(
        llm=llm, facts={"form": "json", "max_summary_chars": 60}, cache=str(gguf_cache), checks=LENIENT
    )
    check_two_nights(corner_shop)
    facts = corner_shop.night().store.read(ITEM_FACTS, corner_shop.nights()[0])
    written = facts.filter(facts["origin"] == "llm")
    assert all(tag in {"red", "green", "blue", "home", "work"} for tags in written["tags"] for tag in tags)
    assert (written["tags"].list.len() > 0).all()
