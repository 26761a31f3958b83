"""What tonight needs: which rows are pending and why, what they will cost, and what the night's budget buys.

Nothing here loads a model or calls one. Rows are taken in order of worth; what the budget does not afford
is `deferred`. A rejected row is pending once more, as its next attempt: a re-ask is planned and paid for
like any other row.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from nightshift.models.llm.choices import CountTokens
from nightshift.models.llm.prices import FREE, Price, unknown
from nightshift.night.budget import (
    ATTEMPTS,
    BudgetSettings,
    Spent,
    check_price,
    limits,
    reservable,
    would_ask,
)
from nightshift.night.estimates import NOTHING, Estimate, estimate, with_spend, with_tokens
from nightshift.night.reasons import attempts, counts, explained
from nightshift.prompts.base import Prompt
from nightshift.storage.ledger import STATE, Ledgers

__all__ = ["ATTEMPTS", "BudgetSettings", "CountTokens", "Spent", "TablePlan", "plan_table", "still_fits"]
SEEN = 2048
"""Answered prompts from which the tokens of a server's prompts are learned."""


@dataclass(frozen=True)
class TablePlan:
    """One table's requests, sorted into answered, pending and deferred."""

    table: str
    rows: int
    answered: int
    rejected: int
    pending: pl.DataFrame
    """What the night will ask: REQUESTS columns, `attempt`, `why`, `prompt_tokens`, and what each row is
    expected to spend and may spend at most; worthiest first; each content key once. The text of a re-ask
    says what was wrong."""
    reserved: pl.DataFrame
    """The first of them, whose worst case fits the budget at once: what may be asked before planning
    again."""
    deferred: int
    learned: Estimate
    """The means behind the expectations."""
    priced: bool = True
    """Whether a price is known."""

    @property
    def why(self) -> dict[str, int]:
        """Pending rows by why they are asked."""
        return counts(self.pending)

    @property
    def rejected_for(self) -> dict[str, int]:
        """Re-asks among them, by the reason for which their last answer was rejected."""
        return dict(
            self.pending.filter(pl.col("why") == "rejected")
            .group_by("reason")
            .len()
            .sort("reason")
            .iter_rows()
        )

    @property
    def prompt_tokens(self) -> int:
        """Prompt tokens of the pending rows, each asked once."""
        return int(self.pending["prompt_tokens"].sum())

    @property
    def reasks(self) -> int:
        """Calls expected on top of the pending rows, because answers are rejected."""
        return round(self.pending["reasks"].sum())

    @property
    def new_tokens(self) -> int:
        """Expected new tokens, re-asks included."""
        return round((self.pending.height + float(self.pending["reasks"].sum())) * self.learned.new_tokens)

    @property
    def tokens(self) -> int:
        """Expected prompt and new tokens, re-asks included."""
        return round(self.pending["expected_tokens"].sum())

    @property
    def cost_usd(self) -> float | None:
        """Expected money, re-asks included; None where no price is known."""
        return float(self.pending["expected_usd"].sum()) if self.priced or self.pending.is_empty() else None

    @property
    def seconds(self) -> float:
        """Expected model time at the measured speed, re-asks included."""
        return float(self.pending["expected_seconds"].sum())

    def as_json(self) -> dict[str, Any]:
        """The row of `plan --json`."""
        return {
            "table": self.table,
            "rows": self.rows,
            "answered": self.answered,
            "rejected": self.rejected,
            "pending": self.pending.height,
            "why": self.why,
            "deferred": self.deferred,
            "reasks": self.reasks,
            "prompt_tokens": self.prompt_tokens,
            "new_tokens": self.new_tokens,
            "cost_usd": None if self.cost_usd is None else round(self.cost_usd, 6),
            "seconds": round(self.seconds, 1),
        }


def plan_table(
    prompt: Prompt[Any],
    requests: pl.DataFrame,
    ledgers: Ledgers,
    budget: BudgetSettings,
    spent: Spent,
    count_tokens: CountTokens | None,
    run_id: str | None = None,
    price: Price | None = FREE,
    keeps_states: bool = False,
    model_id: str | None = None,
    recorded: bool = False,
) -> TablePlan:
    """Sort a table's requests. `count_tokens` is the model's own tokenizer, or None where there is none to
    be had.

    A row for which the server failed keeps its attempts, but `run_id`, the run that plans, asks it only once.
    `keeps_states` asks scored rows again whose hidden state the ledger has lost. `model_id` names the
    model whose calls are learned from. `recorded` answers are looked up, once a row and for nothing.
    Raises ConfigError for a budget in dollars without a `price`.
    """
    check_price(budget, price is not None, lambda: unknown(model_id or "this model"))
    found = _sort(prompt, requests, ledgers, run_id, keeps_states, 1 if recorded else ATTEMPTS)
    learned, bounds = (
        (NOTHING, [])
        if recorded
        else (estimate(ledgers, prompt, model_id), limits(budget, spent, prompt.name))
    )
    seen = _seen(ledgers, found.settled) if count_tokens is None else requests.clear()
    asked = with_tokens(prompt, _asked(prompt, found.left), count_tokens, seen)
    longest = 0 if prompt.is_scored or recorded else prompt.decoding.max_new_tokens
    asked = with_spend(
        asked, learned, longest, price, pl.when(pl.col("left") > 1).then(learned.reject_share).otherwise(0.0)
    )
    pending = explained(would_ask(asked, bounds), ledgers, prompt.name, prompt.prompt_id, found.keys)
    return TablePlan(
        table=prompt.name,
        rows=requests.height,
        answered=found.settled.height,
        rejected=found.given_up,
        pending=pending,
        reserved=reservable(pending, bounds),
        deferred=asked.height - pending.height,
        learned=learned,
        priced=price is not None,
    )


@dataclass(frozen=True)
class _Sorted:
    """Tonight's requests against the ledger."""

    keys: pl.Series
    """Every key with an answer."""
    settled: pl.DataFrame
    """Requests that need no call."""
    given_up: int
    """Requests that were asked often enough without an acceptable answer."""
    left: pl.DataFrame
    """The rest, each key once, with what became of earlier attempts (`nightshift.night.reasons.attempts`)."""


def _sort(
    prompt: Prompt[Any],
    requests: pl.DataFrame,
    ledgers: Ledgers,
    run_id: str | None,
    keeps_states: bool,
    most: int,
) -> _Sorted:
    keys = ledgers.answers.keys()
    known = _with_states(ledgers, keys) if keeps_states and prompt.is_scored else keys
    tried = attempts(ledgers, prompt.name, run_id, most)
    is_known = requests["content_key"].is_in(known.implode())
    is_given_up = (
        requests["content_key"].is_in(tried.filter(pl.col("left") < 1)["content_key"].implode()) & ~is_known
    )
    distinct = requests.filter(~is_known & ~is_given_up).unique(
        "content_key", keep="first", maintain_order=True
    )
    left = distinct.join(tried, on="content_key", how="left", maintain_order="left")
    return _Sorted(keys, requests.filter(is_known), int(is_given_up.sum()), left)


def still_fits(
    prompt: Prompt[Any],
    batch: pl.DataFrame,
    ledgers: Ledgers,
    budget: BudgetSettings,
    as_of: date,
    model_id: str | None = None,
) -> bool:
    """Whether a batch of reserved rows fits what the ledger says is left: tokens and money at its worst,
    time at the speed by now.

    Looked at just before the batch is asked: the night may have turned slow, or another process may be
    spending too. What two processes have in flight at once is the most that they can spend beyond a limit
    together.
    """
    learned = estimate(ledgers, prompt, model_id)
    computed = max(0.0, int(batch["prompt_tokens"].sum()) - batch.height * learned.cached_tokens)
    needs = {name: float(batch[f"worst_{name}"].sum()) for name in ("tokens", "usd")}
    needs["seconds"] = learned.seconds(computed, batch.height * learned.new_tokens)
    left = limits(budget, Spent.of(ledgers, as_of), prompt.name)
    return all(needs[limit.unit] <= limit.left + 1e-9 for limit in left)


def _with_states(ledgers: Ledgers, answered: pl.Series) -> pl.Series:
    """Keys that have their vector too, where the model keeps its states: a torn part may have taken it."""
    kept = ledgers.vectors.query(lambda rows: rows.filter(pl.col("view") == STATE).select("content_key"))
    return answered.filter(answered.is_in(kept["content_key"].implode()))


def _asked(prompt: Prompt[Any], left: pl.DataFrame) -> pl.DataFrame:
    """The rows as they will be asked: the first attempt with the row's text, later ones with what was
    wrong."""
    rows = left.with_columns(pl.col("attempt").fill_null(1), pl.col("left").fill_null(ATTEMPTS))
    again = (pl.col("attempt") > 1) & pl.col("reason").is_not_null()
    if rows.filter(again).is_empty():
        return rows
    texts = [
        prompt.again(text, reason) if attempt > 1 and reason is not None else text
        for text, attempt, reason in rows.select("text", "attempt", "reason").iter_rows()
    ]
    return rows.with_columns(pl.Series("text", texts, dtype=pl.String))


def _seen(ledgers: Ledgers, answered: pl.DataFrame) -> pl.DataFrame:
    """`text, prompt_tokens`, and `questions` where rows bring their own, of some requests that were
    answered and counted."""
    some = (
        answered.select("content_key", "text", *_questions(answered))
        .unique("content_key", maintain_order=True)
        .head(SEEN)
    )
    if some.is_empty():
        return some.with_columns(prompt_tokens=pl.lit(0))
    return some.join(
        ledgers.answers.lookup(some["content_key"], ["content_key", "prompt_tokens"]), on="content_key"
    )


def _questions(rows: pl.DataFrame) -> list[str]:
    return [name for name in rows.columns if name == "questions"]
