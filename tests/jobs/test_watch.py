"""`nightshift watch` beside real nights on the fake model: while they run, when they end, and when they
fail."""

import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from jobs.cli import app
from jobs.running import run_job
from jobs.watch import frame, screen, watch
from nightshift.errors import NightFailed
from nightshift.night.config import load_settings
from nightshift.night.progress import newest, runs
from tests.shop import Shop

pytestmark = pytest.mark.slow
MODELS = ("group_facts", "item_tag_scores", "item_facts", "user_preferences")


def run(shop: Shop) -> None:
    run_job(shop.config, None, load_settings(shop.config), "nightly_enrichment", shop.nights()[0])


@contextmanager
def night(shop: Shop) -> Iterator[threading.Thread]:
    """A night in a thread of its own; the block may watch it."""
    thread = threading.Thread(target=run, args=(shop,))
    thread.start()
    try:
        yield thread
    finally:
        thread.join()


def asked(shop: Shop, *options: str) -> Any:
    return CliRunner().invoke(app, ["watch", "--config", str(shop.config), *options])


def shown(shop: Shop) -> dict[str, Any]:
    return dict(json.loads(asked(shop, "--json").output))


def drawn(told: dict[str, Any], width: int = 110) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(screen(told, width))
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_where_nothing_ever_ran_it_says_so(shop: Shop) -> None:
    assert "nothing is running under" in asked(shop).output
    assert asked(shop).exit_code == 0
    assert shown(shop) == {"state": "idle"}


def test_a_running_night_is_seen_growing_until_it_is_done(shop: Shop) -> None:
    home, seen = shop.folder / ".nightshift", list[dict[str, Any]]()
    with night(shop) as thread:
        while thread.is_alive():
            told = newest(home, shop.night().moment)
            seen += [frame(told, told.beat_at)] if told else []
            time.sleep(0.05)
    done = [sum(table["state"] == "done" for table in told["tables"]) for told in seen]
    assert done == sorted(done)
    assert "running" in {told["state"] for told in seen}, "it was seen at work"
    assert any(0 < count < len(seen[0]["tables"]) for count in done)
    last = shown(shop)
    assert (last["state"], last["as_of"], last["job"]) == (
        "done",
        str(shop.nights()[0]),
        "nightly_enrichment",
    )
    rows = {table["table"]: table for table in last["tables"]}
    assert {name: rows[name]["rows"] for name in rows} == {
        name: shop.night().store.manifest(name, shop.nights()[0]).rows for name in rows
    }
    answers = shop.night().ledgers.answers.scan().collect()
    assert {name: rows[name]["done"] for name in MODELS} == dict(answers.group_by("table").len().iter_rows())
    assert last["calls"] == answers.height
    assert last["tokens"] == int(
        (answers["prompt_tokens"] - answers["cached_tokens"] + answers["new_tokens"]).sum()
    )
    assert rows["item_embeddings"]["what"] == "texts"
    assert rows["item_embeddings"]["done"] == rows["item_embeddings"]["total"] > 60
    for width in (80, 110):
        text = drawn(last, width)
        assert max(len(line) for line in text.splitlines()) <= width
        assert all(name in text for name in (*rows, "60/60", "done after"))
    once = asked(shop, "--once", "--as-of", str(shop.nights()[0]))
    assert (once.exit_code, "done after" in once.output) == (0, True)
    assert "nothing is running" in asked(shop, "--as-of", str(shop.nights()[1])).output


def test_the_live_screen_ends_with_the_night(shop: Shop) -> None:
    console = Console(
        file=io.StringIO(), force_terminal=True, width=110, highlight=False, _environ={"TERM": "xterm"}
    )
    home = shop.folder / ".nightshift"
    with night(shop) as thread:
        while not runs(home):
            assert thread.is_alive(), "the night ended before it began to tell"
            time.sleep(0.01)
        assert watch(home, None, once=False, as_json=False, console=console) == "done"
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "running" in text
    assert "of 13 tables" in text
    assert "✓" in text


def test_a_failed_night_says_which_table_and_why_and_ends_with_one(shop: Shop) -> None:
    shop.write(llm={"backend": "echo", "reply": "I'm sorry, but as an AI language model I cannot"})
    with pytest.raises(NightFailed):
        run(shop)
    failed = shown(shop)
    states = {table["table"]: table["state"] for table in failed["tables"]}
    assert (states["item_tag_scores"], states["item_facts"], states["item_features"]) == (
        "done",
        "failed",
        "waiting",
    )
    later = newest(shop.folder / ".nightshift", shop.night().moment)
    assert later is not None
    assert later.steps["item_facts"].message is not None
    assert "reject_share" in later.steps["item_facts"].message
    text = drawn(failed)
    assert "item_facts" in text
    assert "refusal" in text
