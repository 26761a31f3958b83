"""What users of other tools complain about in public, each as a test of what holds here instead."""

import dataclasses
import json
from datetime import date
from typing import Any

import polars as pl
from typer.testing import CliRunner

from assets.answering import planned, spend
from jobs.cli import OVER_BUDGET, app
from jobs.nights import partitions
from jobs.rejected import Chosen, retry
from nightshift.enrichments.answers import Values, read_values
from nightshift.enrichments.engine import Step
from nightshift.enrichments.registry import asked, by_default
from nightshift.models.encoders import identify_encoder
from nightshift.models.llm.base import Decoding
from nightshift.night.checks import reject_share
from nightshift.night.config import Settings, load_settings
from nightshift.night.heartbeat import Beat, Heartbeat
from nightshift.night.night import Night
from nightshift.night.plan import Spent, TablePlan
from nightshift.storage.ledger import Ledgers
from nightshift.storage.store import Store
from pipelines.answer_prompts import answer_prompts
from tests.faults import nights
from tests.faults.forks import CALLS, KILLED, Accident, Forks
from tests.faults.test_kills import calls
from tests.shop import Shop

PROMPTED = asked(by_default())


def facts_step(night: Night) -> Step:
    return night.foreseen().step("item_facts")


def plan_facts(night: Night) -> TablePlan:
    return planned(night, facts_step(night))


def ask_facts(night: Night) -> Values:
    """Ask for `item_facts` until nothing is pending, as its asset does. Returns what came of it."""

    def answer(plan: TablePlan) -> None:
        answer_prompts(night.settings, plan.table, night.as_of, night.run_id, plan.reserved)

    spend(lambda: plan_facts(night), answer)
    return read_values(night.prompts["item_facts"], facts_step(night).requests, night.ledgers, night.identity)


def rename_an_item(shop: Shop, row: int, title: str) -> None:
    shop.write_items(
        shop.items().with_columns(
            title=pl.when(pl.int_range(pl.len()) == row).then(pl.lit(title)).otherwise("title")
        )
    )


def replying(shop: Shop, reply: str, **changes: Any) -> Shop:
    """The shop with a model that gives this reply."""
    shop.write(llm={"backend": "echo", "reply": reply}, beam={"batch_rows": nights.BATCH_ROWS}, **changes)
    return shop


def test_a_crash_at_half_way_costs_at_most_the_batch_in_flight(
    small: Shop, calm, first, forks: Forks
) -> None:
    """Elsewhere a crash loses the work: ray-project/ray#55008, vllm-project/vllm#52505,
    dagster-io/dagster#11790."""
    rows = set(calm.paid()["content_key"])
    code, _ = forks.run(small.folder, "run", "--as-of", str(first), accident=Accident(kill_at=100))
    assert code == KILLED
    kept = set(nights.paid(small.folder / ".nightshift")["content_key"])
    assert 0.2 * len(rows) < len(kept) < 0.9 * len(rows), "somewhere in the middle"
    code, printed = forks.run(small.folder, "run", "--as-of", str(first))
    assert code == 0, printed
    assert set(calls(small)) == rows
    assert len(calls(small)) <= len(rows) + nights.BATCH_ROWS


def test_one_bad_row_is_a_reject_that_can_be_asked_again_and_the_night_goes_on(small: Shop) -> None:
    """Elsewhere one bad row kills millions: ray-project/ray#59194, apache/beam#24209."""
    rename_an_item(small, 3, "I'm sorry, I can't help with that")
    night = replying(small, "{first} is what one may call a thing.").night()
    values = ask_facts(night)
    assert (values.frame.height, values.rejects["reason"].to_list()) == (23, ["refusal"])
    assert reject_share(values.rejects, 24, most=0.05).passed
    failed = reject_share(values.rejects, 24, most=0.01)
    assert not failed.passed
    assert values.rejects["key"][0] in failed.message, (
        "the night fails over a threshold only, and says which row and why"
    )
    assert plan_facts(night).pending.is_empty()
    retry(night.ledgers, Chosen(table="item_facts", rows=(values.rejects["key"][0],)))
    assert plan_facts(night).pending["row_id"].to_list() == values.rejects["key"].to_list()


def test_spend_is_foreseen_stops_before_the_limit_and_the_night_is_published(
    small: Shop, first, forks: Forks
) -> None:
    """Elsewhere spend is seen afterwards: dagster-io/dagster discussion 34254, argilla-io/distilabel#462."""
    facts = foreseen(small, first)
    limit = (facts["prompt_tokens"] + facts["new_tokens"]) // 2
    small.write(beam={"batch_rows": nights.BATCH_ROWS}, budget={"tables": {"item_facts": limit}})
    facts = foreseen(small, first)
    assert 0 < facts["pending"] < 24
    assert facts["pending"] + facts["deferred"] == 24
    assert not (small.folder / ".nightshift" / "ledger").exists(), "a plan asks nothing"
    code, printed = forks.run(small.folder, "run", "--as-of", str(first))
    assert code == OVER_BUDGET, printed
    home = small.folder / ".nightshift"
    spent = Spent.of(Ledgers(home), first)
    assert 0.5 * limit < (spent.by_table or {})["item_facts"] <= limit
    facts_table, manifest = Store(home).read("item_facts", first), Store(home).manifest("item_facts", first)
    assert facts_table.height == 24
    assert (
        sum(manifest.fallbacks.values())
        == facts_table.filter(pl.col("origin") != "llm").height
        == manifest.metadata["deferred"]
    )


def foreseen(shop: Shop, as_of: date) -> dict[str, Any]:
    """What `nightshift plan --json` says of `item_facts`."""
    told = CliRunner().invoke(app, ["plan", "--config", str(shop.config), "--as-of", str(as_of), "--json"])
    (facts,) = [table for table in json.loads(told.stdout)["tables"] if table["table"] == "item_facts"]
    return dict(facts)


def test_a_night_in_which_nothing_changed_asks_nothing_and_says_so(after: Shop, first, forks: Forks) -> None:
    """Elsewhere unchanged rows are paid again: Curator's key holds the whole data set, diskcache evicts at
    1 GiB."""
    (after.folder / CALLS).unlink(missing_ok=True)
    code, printed = forks.run(after.folder, "run", "--as-of", str(first))
    assert code == 0, printed
    assert calls(after) == []


def test_what_shapes_an_answer_moves_its_key_and_a_parser_does_not(small: Shop) -> None:
    """Elsewhere answers are stale after a change: bespokelabsai/curator#408,
    open-metadata/OpenMetadata#29404."""
    settings = load_settings(small.config)
    night = Night(settings, small.nights()[0])
    prompt, text = night.prompts["item_facts"], "Item: Lamp"
    key = prompt.key(night.identity, text)
    changed = {
        "instructions": dataclasses.replace(prompt, instructions=prompt.instructions + "!"),
        "version": dataclasses.replace(prompt, version=prompt.version + 1),
        "decoding": dataclasses.replace(prompt, decoding=Decoding(max_new_tokens=3)),
    }
    keys = {name: other.key(night.identity, text) for name, other in changed.items()}
    keys["model"] = prompt.key(night.identity.model_copy(update={"model_id": "other@1"}), text)
    keys["arithmetic"] = prompt.key(night.identity.model_copy(update={"arithmetic": "float64"}), text)
    assert len({key, *keys.values()}) == 1 + len(keys)
    parser = dataclasses.replace(prompt, parse=lambda answer, finish: prompt.parse(answer.upper(), finish))
    assert parser.key(night.identity, text) == key
    assert encoder_of(settings, 64) != encoder_of(settings, 32), "vectors of two dimensions never share a key"


def encoder_of(settings: Settings, dimension: int) -> str:
    return identify_encoder(settings.encoder.model_copy(update={"hashing_dimension": dimension}))


def test_a_better_parser_reads_old_answers_without_a_call(small: Shop) -> None:
    """The parser is not in the key (bespokelabsai/curator#408): what it rejected before is read again for
    free."""
    small.write(facts={"max_summary_words": 5}, beam={"batch_rows": nights.BATCH_ROWS})
    strict = ask_facts(small.night())
    assert strict.rejects.height > 0
    asked = nights.paid(small.folder / ".nightshift").height
    small.write(facts={"max_summary_words": 40}, beam={"batch_rows": nights.BATCH_ROWS})
    lenient = small.night()
    values = read_values(
        lenient.prompts["item_facts"], facts_step(lenient).requests, lenient.ledgers, lenient.identity
    )
    assert values.frame.height == 24
    assert nights.paid(small.folder / ".nightshift").height == asked


def test_a_failure_is_never_stored_as_an_answer_and_a_row_is_asked_twice_at_most(small: Shop) -> None:
    """Elsewhere failures are cached as answers: ucbepic/docetl#50; endless answers:
    vllm-project/vllm#38696."""
    night = replying(small, "").night()
    values = ask_facts(night)
    assert values.frame.is_empty()
    assert night.ledgers.answers.keys().is_empty()
    rejects = night.ledgers.rejects.scan().collect()
    assert rejects.group_by("content_key").len()["len"].to_list() == [2] * 24
    again = replying(small, "").night()
    ask_facts(dataclasses.replace(again, run_id="the next night"))
    assert night.ledgers.rejects.scan().collect().height == rejects.height


def test_partitions_are_nights_and_a_changed_row_is_the_only_one_asked_in_its_step(
    after: Shop, first, forks: Forks
) -> None:
    """Elsewhere partitions do not fit rows: dagster-io/dagster#33456, #20925 (rows lost by dynamic
    retries)."""
    keys = partitions(load_settings(after.config).nights).get_partition_keys()
    assert keys[0] == str(first)
    assert len(keys) == (after.nights()[-1] - first).days + 1, "a night each, however many rows"
    rename_an_item(after, 5, "A new name")
    (after.folder / CALLS).unlink(missing_ok=True)
    code, printed = forks.run(after.folder, "run", "--as-of", str(first))
    assert code == 0, printed
    asked = Ledgers(after.folder / ".nightshift").answers.lookup(calls(after), ["table", "row_id"])
    items = asked.filter(pl.col("table").is_in(["item_tag_scores", "item_facts"]))
    assert sorted(items["table"]) == ["item_facts", "item_tag_scores"]
    assert set(items["row_id"]) == {"i00005"}


def test_a_long_step_says_how_far_it_is_from_a_ledger_that_anyone_can_read(small: Shop) -> None:
    """Elsewhere long steps are blind and progress bars freeze the page: dagster-io/dagster#3071, #13026."""
    night, beats, seen = small.night(), list[Beat](), list[int]()
    plan = plan_facts(night)
    parts = night.ledgers.answers.folder

    def emit(beat: Beat) -> None:
        beats.append(beat)
        seen.append(pl.read_parquet(parts / "*.parquet").height if any(parts.glob("*.parquet")) else 0)

    with Heartbeat(
        night.ledgers, "item_facts", night.run_id, plan.reserved.height, plan.answered, emit, every=0.002
    ):
        answer_prompts(night.settings, "item_facts", night.as_of, night.run_id, plan.reserved)
    done = [beat.done for beat in beats]
    assert done == sorted(done)
    assert done[-1] == seen[-1] == 24
    assert 0 < min(count for count in done if count) < 24, "told while it works, not only at the end"
    assert "item_facts: 24/24 rows (100%), hit rate 0%" in beats[-1].line()


def test_the_hit_rate_of_every_prompted_table_is_kept_with_its_night(calm, first) -> None:
    """Elsewhere nobody knows what a cache saved (Curator): here the asset page and the manifest say it."""
    calm.home(1)
    store = Store(calm.home(1))
    second = calm.shop.nights()[1]
    assert [store.manifest(table, first).metadata["hit rate"] for table in PROMPTED] == [0.0] * len(PROMPTED)
    assert all(
        store.manifest(table, second).metadata["hit rate"] > 0.9
        for table in ("item_tag_scores", "item_facts")
    )
