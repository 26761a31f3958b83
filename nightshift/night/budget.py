"""What a night may spend, what it has spent, and which rows the rest of it buys.

A budget is a hard stop. Before rows are asked, their worst case (the whole prompt and the longest answer)
is reserved; when a batch is about to be asked it is checked once more against what the ledger has by then.
What was reserved and not used buys further rows, so that in the end a night spends about what `would_ask`
foresees. Minutes are reserved as they are expected, for a speed has no worst case: a night that turns slow
overruns them by one batch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import polars as pl
from pydantic import BaseModel, Field

from nightshift.errors import ConfigError
from nightshift.storage.ledger import Ledgers

ATTEMPTS = 2
"""How often a row is asked before it is left to the rejects."""
SPENT = ("table", "prompt_tokens", "new_tokens", "cost_usd", "seconds")


class BudgetSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """What a night may spend on language models. Rows that do not fit are deferred to the next night.

    Rows are bought in order of worth: most events in the last 30 days first (in powers of two), then those
    for which a model wrote longest ago or never, then those with the fewest events of all time, then by
    id.
    """

    tokens: int | None = Field(None, ge=0)
    """Prompt and new tokens of one night, all tables together. None: no limit."""
    usd: float | None = Field(None, ge=0)
    """Money of one night. Local models cost nothing; refused for a server's model without a price. None:
    no limit."""
    minutes: float | None = Field(None, ge=0)
    """Language model time of one night, in minutes, by the speed the ledger has measured; looked at again
    before every batch, so that a night that turns slow overruns by one batch at most. Not the whole night:
    reading, embedding, features and training come on top. None: no limit."""
    tables: dict[str, int] = Field(default_factory=dict)
    """Prompt and new tokens of one night by table, `{item_facts: 60000}`. A table not named has no limit
    of its own."""

    @property
    def limited(self) -> bool:
        """Whether there is any limit at all."""
        return bool(self.tables) or any(limit is not None for limit in (self.tokens, self.usd, self.minutes))


@dataclass(frozen=True)
class Spent:
    """What was already used of a night's budget."""

    tokens: int = 0
    usd: float = 0.0
    seconds: float = 0.0
    by_table: dict[str, int] | None = None

    @classmethod
    def of(cls, ledgers: Ledgers, as_of: date) -> "Spent":
        """Read from the ledger: accepted and rejected answers both cost, and so does one that another run
        paid for too."""
        tonight = pl.col("as_of") == as_of
        rows = ledgers.calls(lambda calls: calls.filter(tonight).select(SPENT))
        rows = rows.with_columns((pl.col("prompt_tokens") + pl.col("new_tokens")).alias("tokens"))
        by_table = dict(rows.group_by("table").agg(pl.col("tokens").sum()).iter_rows())
        return cls(
            int(rows["tokens"].sum()), float(rows["cost_usd"].sum()), float(rows["seconds"].sum()), by_table
        )


@dataclass(frozen=True)
class Limit:
    """What is left of one limit, in its own unit, and where a row's spend in that unit stands."""

    unit: str
    """`tokens`, `usd` or `seconds`: the columns `expected_<unit>` and `worst_<unit>`."""
    left: float


def limits(budget: BudgetSettings, spent: Spent, table: str) -> list[Limit]:
    """What is left of every limit that counts for a table."""
    left = []
    if budget.tokens is not None:
        left.append(Limit("tokens", budget.tokens - spent.tokens))
    if table in budget.tables:
        left.append(Limit("tokens", budget.tables[table] - (spent.by_table or {}).get(table, 0)))
    if budget.usd is not None:
        left.append(Limit("usd", budget.usd - spent.usd))
    if budget.minutes is not None:
        left.append(Limit("seconds", budget.minutes * 60 - spent.seconds))
    return left


def check_price(budget: BudgetSettings, known: bool, why_not: Callable[[], str]) -> None:
    """A limit in dollars needs a price. Raises ConfigError with the way out."""
    if budget.usd is not None and not known:
        raise ConfigError(
            f"budget.usd is {budget.usd:g}, but there is {why_not()}; or limit budget.tokens instead"
        )


def reservable(rows: pl.DataFrame, left: list[Limit]) -> pl.DataFrame:
    """The first rows whose worst case fits all limits at once. Needs the columns `worst_<unit>`."""
    return (
        rows.filter(pl.col(f"worst_{limit.unit}").cum_sum() <= limit.left for limit in left) if left else rows
    )


def would_ask(rows: pl.DataFrame, left: list[Limit]) -> pl.DataFrame:
    """The first rows that a whole night asks: each is asked while its worst case fits beside what those
    before it really use.

    Needs the columns `expected_<unit>` and `worst_<unit>`. Stops at the first row that does not fit: a
    cheap row never overtakes a worthier one.
    """
    for limit in left:
        before = pl.col(f"expected_{limit.unit}").cum_sum().shift(1, fill_value=0)
        fits = before + pl.col(f"worst_{limit.unit}") <= limit.left
        rows = rows.filter(fits.not_().cum_sum() == 0)
    return rows
