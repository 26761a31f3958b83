"""Ask a model for what one table still needs tonight: plan, answer, count. Shared by the three tables that are prompted."""

import time
from typing import Any

import dagster as dg
import polars as pl

from nightshift.heartbeat import Beat, Heartbeat
from nightshift.llm import load_tokenizer
from nightshift.night import Night
from nightshift.plan import Spent, TablePlan, plan_table

MODEL_POOL = "model"
"""Dagster pool that holds one step at a time: two models on one machine run slower than one after the other."""


def ask(context: dg.AssetExecutionContext, night: Night, table: str, requests: pl.DataFrame) -> dict[str, Any]:
    """Answer the pending requests within the budget. Returns the numbers the asset page shows."""
    first = plan = planned(night, table, requests)
    started = time.monotonic()
    while plan.pending.height:
        _answer(context, night, plan)
        plan = planned(night, table, requests)  # answers are shorter than their worst case: the rest of the budget buys more
    night.ledgers.compact()
    return numbers(night, table, requests, first, plan, time.monotonic() - started)


def planned(night: Night, table: str, requests: pl.DataFrame) -> TablePlan:
    """What is pending, by the model's own tokenizer."""
    tokenizer = load_tokenizer(night.settings.llm, night.settings.cache_folder)
    count = tokenizer.count if tokenizer else None
    spent, llm = Spent.of(night.ledgers, night.as_of), night.settings.llm
    return plan_table(
        night.prompts[table], requests, night.ledgers, night.settings.budget, spent, count, night.run_id, llm.cost, llm.keeps_states
    )


def _answer(context: dg.AssetExecutionContext, night: Night, plan: TablePlan) -> None:
    from pipelines.answer_prompts import answer_prompts  # Beam and the model load only when there is something to ask

    def emit(beat: Beat) -> None:
        context.log.info(beat.line())

    with Heartbeat(night.ledgers.answers, plan.table, night.run_id, plan.pending.height, plan.answered, emit):
        answer_prompts(night.settings, plan.table, night.as_of, night.run_id, plan.pending)


def numbers(night: Night, table: str, requests: pl.DataFrame, first: TablePlan, last: TablePlan, seconds: float) -> dict[str, Any]:
    """Calls, tokens, speed and hit rate of the night."""
    mine = (pl.col("run_id") == night.run_id) & (pl.col("table") == table)
    columns = ["prompt_tokens", "cached_tokens", "new_tokens", "cost_usd"]
    rows = pl.concat(
        ledger.query(lambda rows: rows.filter(mine).select(columns)) for ledger in (night.ledgers.answers, night.ledgers.rejects)
    )
    prompt, cached, new, cost = (float(rows[name].cast(pl.Float64).sum()) for name in columns)
    return {
        "requests": requests.height,
        "calls": rows.height,
        "hits": first.answered,
        "hit rate": round(first.answered / max(requests.height, 1), 4),
        "rejected": last.rejected,
        "deferred": last.deferred,
        "prompt tokens": int(prompt),
        "cached tokens": int(cached),
        "new tokens": int(new),
        "tokens/s": round((prompt - cached + new) / seconds, 1) if rows.height else 0.0,
        "cost (USD)": cost,
        "model": night.identity.model_id,
        "prompt": night.prompts[table].prompt_id,
    }
