"""Ask a model for what one table still needs tonight: plan, answer, count. Shared by the three tables that
are prompted."""

import time
from collections.abc import Callable
from typing import Any

import dagster as dg
import polars as pl

from assets.heartbeats import Teller
from assets.run_costs import tag_run
from nightshift.models.llm.prices import warn_unknown
from nightshift.night.heartbeat import Heartbeat
from nightshift.night.night import Night
from nightshift.night.plan import Spent, TablePlan, plan_table
from nightshift.night.reasons import RETRIED

MODEL_POOL = "model"
"""Dagster pool that holds one step at a time: two models on one machine run slower than one after the
other."""


def ask(
    context: dg.AssetExecutionContext, night: Night, table: str, requests: pl.DataFrame
) -> dict[str, Any]:
    """Answer the pending requests within the budget. Returns the numbers the asset page shows."""
    started, teller = time.monotonic(), Teller(context, night)
    try:
        first, last = spend(
            lambda: planned(night, table, requests), lambda plan: _answer(night, plan, teller.new_round())
        )
    finally:  # a run that fails here has paid as well
        tag_run(context, night)
    if first.pending.height and not first.priced:
        warn_unknown(night.identity.model_id)
    night.ledgers.compact()
    return numbers(night, table, requests, first, last, time.monotonic() - started)


def spend(
    plan_anew: Callable[[], TablePlan], answer: Callable[[TablePlan], None]
) -> tuple[TablePlan, TablePlan]:
    """Ask what is reserved, plan anew, and so on: answers are shorter than their worst case, and what is
    left buys more rows.

    It ends when nothing fits any more, or when what was reserved was held back to the last row because the
    night turned slow. Returns the first plan and the last.
    """
    first = plan = plan_anew()
    asked = plan.reserved.clear()
    while plan.reserved.height and not _same(plan.reserved, asked):
        answer(plan)
        asked, plan = plan.reserved, plan_anew()
    return first, plan


def _same(left: pl.DataFrame, right: pl.DataFrame) -> bool:
    return left.select("content_key", "attempt").equals(right.select("content_key", "attempt"))


def planned(night: Night, table: str, requests: pl.DataFrame) -> TablePlan:
    """What is pending, by the model's own tokenizer."""
    return plan_table(
        night.prompts[table],
        night.askable(table, requests),
        night.ledgers,
        night.settings.budget,
        Spent.of(night.ledgers, night.as_of),
        night.count_tokens,
        night.run_id,
        night.settings.llm.price,
        night.settings.llm.keeps_states,
        night.identity.model_id,
        night.settings.llm.is_recorded,
    )


def _answer(night: Night, plan: TablePlan, emit: Teller) -> None:
    from pipelines.answer_prompts import (
        answer_prompts,  # Beam and the model load only when there is something to ask
    )

    with Heartbeat(night.ledgers, plan.table, night.run_id, plan.reserved.height, plan.answered, emit):
        answer_prompts(night.settings, plan.table, night.as_of, night.run_id, plan.reserved)


def numbers(
    night: Night, table: str, requests: pl.DataFrame, first: TablePlan, last: TablePlan, seconds: float
) -> dict[str, Any]:
    """Calls paid and avoided, tokens, money, speed and hit rate of the night, and why rows were asked."""
    rows = _paid(night, table)
    prompt, cached, new = (int(rows[name].sum()) for name in ("prompt_tokens", "cached_tokens", "new_tokens"))
    calls, unpriced = rows.height, rows["cost_usd"].null_count()
    cost = "unknown" if unpriced else float(rows["cost_usd"].sum())
    return {
        "requests": requests.height,
        "calls": calls,
        "avoided calls": first.answered,
        "hits": first.answered,
        "hit rate": round(first.answered / max(requests.height, 1), 4),
        "rejected": last.rejected,
        "deferred": last.deferred + last.pending.height,
        "prompt tokens": prompt,
        "cached tokens": cached,
        "new tokens": new,
        "seconds": round(seconds, 2),
        "tokens/s": round((prompt - cached + new) / seconds, 1) if calls else 0.0,
        "cost (USD)": cost,
        "model minutes": round(float(rows["seconds"].sum()) / 60, 2),
        **({"not recorded": requests.height - first.rows} if night.settings.llm.is_recorded else {}),
        **_avoided(first),
        **{f"asked: {why}": count for why, count in first.why.items()},
        "planned new tokens": first.new_tokens,
        "planned minutes": round(first.seconds / 60, 2),
        "model": night.identity.model_id,
        "prompt": night.prompts[table].prompt_id,
    }


def _paid(night: Night, table: str) -> pl.DataFrame:
    """The run's calls, accepted or not."""
    mine = (pl.col("run_id") == night.run_id) & (pl.col("table") == table)
    columns = ("prompt_tokens", "cached_tokens", "new_tokens", "cost_usd", "seconds")
    answers = night.ledgers.answers.payments(lambda rows: rows.filter(mine).select(columns))
    rejects = night.ledgers.rejects.payments(
        lambda rows: rows.filter(mine, pl.col("reason") != RETRIED).select(columns)
    )
    return pl.concat([answers, rejects])


def _avoided(first: TablePlan) -> dict[str, Any]:
    """Tokens and money that the answers would have cost again, at the mean of the calls that the plan
    learned from."""
    tokens, usd = first.learned.prompt_tokens + first.learned.new_tokens, first.learned.cost_usd
    money = {} if usd is None else {"avoided cost (USD)": round(first.answered * usd, 6)}
    return {"avoided tokens": round(first.answered * tokens)} | money
