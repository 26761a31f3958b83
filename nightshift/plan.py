"""What tonight needs: which rows are pending, what they will cost, and what the night's budget buys.

Nothing here loads a model or calls one. A budget is a hard stop: rows are taken in order of worth, and the worst case
(the whole prompt plus the longest answer) is reserved for each before it is asked. What is left over is `deferred`.
A rejected row is pending once more, as its next attempt: a re-ask is planned and paid for like any other row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from pydantic import BaseModel, Field

from nightshift.ledger import Ledgers
from nightshift.prompts.base import Prompt

CountTokens = Callable[[Sequence[str]], list[int]]
Price = Callable[[int, int], float]
"""US dollars of so many prompt and new tokens."""
CHARS_PER_TOKEN = 4.0
"""English text per token of a byte-pair vocabulary, used only until the model's own tokenizer has been fetched."""
TOKENS_PER_SECOND_SCORED, TOKENS_PER_SECOND_WRITTEN = 8000.0, 2000.0
"""Prompt (shared prefix included) and new tokens, a 135M model on two cores; replaced by what the ledger has measured."""
ATTEMPTS = 2
"""How often a row is asked before it is left to the rejects."""


class BudgetSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """What a night may spend on language models. Rows that do not fit are deferred to the next night."""

    tokens: int | None = Field(None, ge=0)
    """Prompt and new tokens of one night, all tables together. None: no limit."""
    usd: float | None = Field(None, ge=0)
    """Money of one night. Local models cost nothing. None: no limit."""
    minutes: float | None = Field(None, ge=0)
    """Model time of one night, in minutes, by the speed the ledger has measured. None: no limit."""
    tables: dict[str, int] = Field(default_factory=dict)
    """Prompt and new tokens of one night by table, `{item_facts: 60000}`. A table not named has no limit of its own."""


@dataclass(frozen=True)
class Spent:
    """What was already used of a night's budget."""

    tokens: int = 0
    usd: float = 0.0
    seconds: float = 0.0
    by_table: dict[str, int] | None = None

    @classmethod
    def of(cls, ledgers: Ledgers, as_of: date) -> "Spent":
        """Read from the ledger: accepted and rejected answers both cost."""
        columns = ["table", "prompt_tokens", "new_tokens", "cost_usd", "seconds"]
        tonight = pl.col("as_of") == as_of
        frames = [ledger.query(lambda rows: rows.filter(tonight).select(columns)) for ledger in (ledgers.answers, ledgers.rejects)]
        rows = pl.concat(frames).with_columns((pl.col("prompt_tokens") + pl.col("new_tokens")).alias("tokens"))
        by_table = dict(rows.group_by("table").agg(pl.col("tokens").sum()).iter_rows())
        return cls(int(rows["tokens"].sum()), float(rows["cost_usd"].sum()), float(rows["seconds"].sum()), by_table)


@dataclass(frozen=True)
class TablePlan:
    """One table's requests, sorted into answered, pending and deferred."""

    table: str
    rows: int
    answered: int
    rejected: int
    pending: pl.DataFrame
    """REQUESTS columns, `attempt`, `prompt_tokens` and `worst_tokens`; worthiest first; each content key once."""
    deferred: int
    new_tokens: int
    tokens_per_second: float
    cost_usd: float = 0.0
    """Expected money of the pending rows."""

    @property
    def prompt_tokens(self) -> int:
        """Prompt tokens of the pending rows."""
        return int(self.pending["prompt_tokens"].sum())

    @property
    def seconds(self) -> float:
        """Model time of the pending rows at the measured speed."""
        return (self.prompt_tokens + self.new_tokens) / self.tokens_per_second

    def as_json(self) -> dict[str, Any]:
        """The row of `plan --json`."""
        return {
            "table": self.table,
            "rows": self.rows,
            "answered": self.answered,
            "rejected": self.rejected,
            "pending": self.pending.height,
            "deferred": self.deferred,
            "prompt_tokens": self.prompt_tokens,
            "new_tokens": self.new_tokens,
            "cost_usd": round(self.cost_usd, 6),
            "seconds": round(self.seconds, 1),
        }


def free(prompt_tokens: int, new_tokens: int) -> float:
    """What a local model costs: nothing."""
    return 0.0


def plan_table(
    prompt: Prompt[Any],
    requests: pl.DataFrame,
    ledgers: Ledgers,
    budget: BudgetSettings,
    spent: Spent,
    count_tokens: CountTokens | None,
    run_id: str | None = None,
    price: Price = free,
    keeps_states: bool = False,
) -> TablePlan:
    """Sort a table's requests. `count_tokens` is the model's own tokenizer, or None where it was never fetched.

    A row for which the server failed keeps its attempts, but `run_id`, the run that plans, asks it only once.
    `keeps_states` asks scored rows again whose hidden state the ledger has lost.
    """
    distinct = requests.unique("content_key", keep="first", maintain_order=True)
    known = _answered(ledgers, states=keeps_states and bool(prompt.questions))
    tried = _tried(ledgers)
    given_up = pl.concat([tried.filter(pl.col("attempt") > ATTEMPTS)["content_key"], _unserved(ledgers, run_id)])
    is_known = pl.col("content_key").is_in(known.implode())
    is_given_up = pl.col("content_key").is_in(given_up.implode()) & ~is_known
    left = distinct.filter(~is_known & ~is_given_up).join(tried, on="content_key", how="left", maintain_order="left")
    asked = with_tokens(prompt, left.with_columns(pl.col("attempt").fill_null(1)), count_tokens)
    typical, speed = measured(ledgers, prompt)
    pending = affordable(asked, budget, spent, prompt.name, speed, price)
    new_tokens = round(pending.height * typical)
    return TablePlan(
        table=prompt.name,
        rows=requests.height,
        answered=requests.filter(is_known).height,
        rejected=requests.filter(is_given_up).height,
        pending=pending,
        deferred=asked.height - pending.height,
        new_tokens=new_tokens,
        tokens_per_second=speed,
        cost_usd=price(int(pending["prompt_tokens"].sum()), new_tokens),
    )


def _answered(ledgers: Ledgers, states: bool) -> pl.Series:
    """Keys with an answer and, where the model keeps its states, with their vector too: a torn part may have taken it."""
    keys = ledgers.answers.keys()
    if not states:
        return keys
    kept = ledgers.vectors.query(lambda rows: rows.filter(pl.col("view") == "hidden").select("content_key"))
    return keys.filter(keys.is_in(kept["content_key"].implode()))


def _tried(ledgers: Ledgers) -> pl.DataFrame:
    """`content_key, attempt`: the attempt that would come next for every key that was rejected before."""
    answered = pl.col("reason").ne_missing("server")  # where the server failed, the model was never heard
    return ledgers.rejects.query(lambda rows: rows.filter(answered).group_by("content_key").agg(pl.col("attempt").max() + 1))


def _unserved(ledgers: Ledgers, run_id: str | None) -> pl.Series:
    """Keys for which the server failed in this run: asked again by the next one, not in an endless loop."""
    mine = (pl.col("reason") == "server") & (pl.col("run_id") == pl.lit(run_id, pl.String))
    return ledgers.rejects.query(lambda rows: rows.filter(mine).select("content_key").unique())["content_key"]


def with_tokens(prompt: Prompt[Any], requests: pl.DataFrame, count_tokens: CountTokens | None) -> pl.DataFrame:
    """Adds `prompt_tokens` (whole prompt) and `worst_tokens` (prompt plus longest answer)."""
    shared = _count(count_tokens, [prompt.instructions])[0]
    own = _count(count_tokens, requests["text"].to_list())
    longest = 0 if prompt.questions else prompt.decoding.max_new_tokens
    tokens = pl.Series("prompt_tokens", own, dtype=pl.Int64) + shared
    return requests.with_columns(tokens, (tokens + longest).alias("worst_tokens"))


def _count(count_tokens: CountTokens | None, texts: list[str]) -> list[int]:
    if count_tokens is None:
        return [round(len(text) / CHARS_PER_TOKEN) for text in texts]
    return count_tokens(texts)


def measured(ledgers: Ledgers, prompt: Prompt[Any]) -> tuple[float, float]:
    """New tokens a row and tokens a second, as the ledger has seen them for this prompt; defaults before the first night."""
    numbers = (
        pl.col("new_tokens").mean().alias("new"),
        (pl.col("prompt_tokens") + pl.col("new_tokens")).sum().alias("tokens"),
        pl.col("seconds").sum().alias("seconds"),
    )
    seen = ledgers.answers.query(lambda rows: rows.filter(pl.col("prompt_id") == prompt.prompt_id).select(*numbers))
    new, tokens, seconds = seen.row(0)
    default = 0.0 if prompt.questions else prompt.decoding.max_new_tokens / 2
    speed = TOKENS_PER_SECOND_SCORED if prompt.questions else TOKENS_PER_SECOND_WRITTEN
    return (default if new is None else new, tokens / seconds if seconds else speed)


def affordable(requests: pl.DataFrame, budget: BudgetSettings, spent: Spent, table: str, speed: float, price: Price = free) -> pl.DataFrame:
    """The worthiest rows whose worst case fits what is left of the night's budget."""
    fits = [pl.col("worst_tokens").cum_sum() <= limit for limit in _token_limits(budget, spent, table, speed)]
    if budget.usd is not None:
        worst = [price(prompt, most - prompt) for prompt, most in requests.select("prompt_tokens", "worst_tokens").iter_rows()]
        fits.append(pl.lit(pl.Series(worst, dtype=pl.Float64)).cum_sum() <= budget.usd - spent.usd)
    return requests.filter(*fits) if fits else requests


def _token_limits(budget: BudgetSettings, spent: Spent, table: str, speed: float) -> list[int]:
    """What is left of every limit, in tokens."""
    limits = [limit - spent.tokens for limit in (budget.tokens,) if limit is not None]
    if table in budget.tables:
        limits.append(budget.tables[table] - (spent.by_table or {}).get(table, 0))
    if budget.minutes is not None:
        limits.append(int((budget.minutes * 60 - spent.seconds) * speed))
    return limits
