"""What nights paid and what the ledger spared them, from the ledger and the manifests."""

from datetime import date
from typing import Any

import polars as pl
from rich.box import SIMPLE
from rich.table import Table as Grid

from jobs.console import console
from nightshift.ledger import Ledgers
from nightshift.night import PROMPTED
from nightshift.store import Store

PAID = ("calls", "prompt_tokens", "new_tokens", "cost_usd", "seconds")
SUMMED = (*PAID, "requests", "avoided_calls", "avoided_tokens", "avoided_usd")


def costs(store: Store, ledgers: Ledgers) -> dict[str, Any]:
    """What `costs --json` prints: `nights`, oldest first, and their `total`.

    Avoided is a request that a run did not have to make, because an earlier night had paid for the answer. It is priced
    at the mean of the table's calls.
    """
    paid, asked = _paid(ledgers), _asked(store)
    rows = paid.join(asked, on=["as_of", "table"], how="full", coalesce=True).fill_null(0)
    avoided = (pl.col("requests") - pl.col("settled") - pl.col("unasked")).clip(lower_bound=0)
    rows = rows.join(_mean_prices(paid), on="table", how="left").with_columns(avoided_calls=avoided)
    rows = rows.with_columns(
        avoided_tokens=(pl.col("avoided_calls") * pl.col("mean_tokens").fill_null(0)).round().cast(pl.Int64),
        avoided_usd=pl.col("avoided_calls") * pl.col("mean_usd").fill_null(0),
    )
    nights = rows.group_by("as_of").agg(pl.col(name).sum() for name in SUMMED).sort("as_of")
    return {
        "nights": [_with_hit_rate(night) | {"as_of": str(night["as_of"])} for night in nights.to_dicts()],
        "total": _with_hit_rate(nights.select(pl.col(name).sum() for name in SUMMED).to_dicts()[0]),
    }


def _paid(ledgers: Ledgers) -> pl.DataFrame:
    """What each night paid for each table; `settled` are the calls whose answers were accepted."""
    sums = (pl.col(name).sum() for name in ("prompt_tokens", "new_tokens", "cost_usd", "seconds"))
    columns = ["as_of", "table", "prompt_tokens", "new_tokens", "cost_usd", "seconds"]
    rows = pl.concat(
        ledger.query(lambda every: every.select(columns)).with_columns(accepted=pl.lit(accepted))
        for ledger, accepted in ((ledgers.answers, True), (ledgers.rejects, False))
    )
    return rows.group_by("as_of", "table").agg(*sums, calls=pl.len().cast(pl.Int64), settled=pl.col("accepted").sum().cast(pl.Int64))


def _asked(store: Store) -> pl.DataFrame:
    """Requests of each published night and table; `unasked` were deferred by the budget or given up."""
    schema = {"as_of": pl.Date, "table": pl.String, "requests": pl.Int64, "unasked": pl.Int64}
    rows = [_asked_for(store, table, night) for table in PROMPTED for night in store.nights(table)]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _asked_for(store: Store, table: str, night: date) -> tuple[date, str, int, int]:
    numbers = store.manifest(table, night).metadata
    return night, table, int(numbers.get("requests", 0)), int(numbers.get("deferred", 0)) + int(numbers.get("rejected", 0))


def _mean_prices(paid: pl.DataFrame) -> pl.DataFrame:
    """Tokens and money of a mean call, by table."""
    calls = pl.col("calls").sum()
    tokens = (pl.col("prompt_tokens") + pl.col("new_tokens")).sum()
    return paid.group_by("table").agg(mean_tokens=tokens / calls, mean_usd=pl.col("cost_usd").sum() / calls)


def _with_hit_rate(numbers: dict[str, Any]) -> dict[str, Any]:
    return numbers | {"hit_rate": round(numbers["avoided_calls"] / max(numbers["requests"], 1), 4)}


def show_costs(told: dict[str, Any]) -> None:
    """Nights and their total as a table."""
    grid = Grid(box=SIMPLE, padding=(0, 1))
    for name in ("night", "calls", "tokens", "USD", "minutes", "avoided\ncalls", "avoided\ntokens", "avoided\nUSD", "hit rate"):
        grid.add_column(name, justify="left" if name == "night" else "right", no_wrap=True)
    for row in (*told["nights"], told["total"] | {"as_of": "total"}):
        grid.add_row(row["as_of"], *_cells(row))
    console.print(grid)


def _cells(row: dict[str, Any]) -> list[str]:
    paid = [f"{row['calls']:,}", f"{row['prompt_tokens'] + row['new_tokens']:,}", f"{row['cost_usd']:.2f}", f"{row['seconds'] / 60:.1f}"]
    spared = [f"{row['avoided_calls']:,}", f"{row['avoided_tokens']:,}", f"{row['avoided_usd']:.2f}", f"{row['hit_rate']:.1%}"]
    return paid + spared
