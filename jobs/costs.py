"""What nights paid and what the ledger spared them, from the ledger and the manifests."""

from datetime import date
from typing import Any

import polars as pl

from jobs.console import console
from jobs.terminal_tables import stacked
from nightshift.night.heartbeat import dollars
from nightshift.storage.ledger import Ledgers
from nightshift.storage.store import Store

PAID = ("calls", "prompt_tokens", "new_tokens", "cost_usd", "seconds")
SUMMED = (*PAID, "requests", "avoided_calls", "avoided_tokens", "avoided_usd")
MONEY = ("cost_usd", "avoided_usd")


def costs(store: Store, ledgers: Ledgers, by_table: bool = False) -> dict[str, Any]:
    """What `costs --json` prints: `nights`, oldest first, and their `total`; `by_table` splits nights by
    table and model.

    Avoided is a request that a run did not have to make, because an earlier night had paid for the answer.
    It is priced at the mean of the table's calls. Money is null where a price was unknown.
    """
    paid, asked = _paid(ledgers), _asked(store)
    rows = paid.join(asked, on=["as_of", "table"], how="full", coalesce=True)
    rows = rows.with_columns(
        pl.col(pl.Int64, pl.UInt32).fill_null(0), pl.col("seconds", "cost_usd").fill_null(0.0)
    )
    avoided = (pl.col("requests") - pl.col("settled") - pl.col("unasked")).clip(lower_bound=0)
    rows = rows.join(_mean_prices(paid), on="table", how="left").with_columns(avoided_calls=avoided)
    rows = rows.with_columns(
        avoided_tokens=(pl.col("avoided_calls") * pl.col("mean_tokens").fill_null(0)).round().cast(pl.Int64),
        avoided_usd=pl.col("avoided_calls") * pl.col("mean_usd").fill_null(0),
    )
    keys = ["as_of", "table", "models"] if by_table else ["as_of"]
    sums = [pl.col(name).sum() for name in (*SUMMED, "unpriced")]
    nights = rows.group_by(keys).agg(sums).sort(keys)
    return {
        "nights": [_told(night) | {"as_of": str(night["as_of"])} for night in nights.to_dicts()],
        "total": _told(rows.select(sums).to_dicts()[0]),
    }


def _paid(ledgers: Ledgers) -> pl.DataFrame:
    """What each night paid for each table; `settled` are the rows whose answers were accepted, once each
    however often paid."""
    spent = ("prompt_tokens", "new_tokens", "cost_usd", "seconds")
    columns = ["content_key", "as_of", "table", "model_id", *spent, "accepted"]
    return (
        ledgers.calls(lambda calls: calls.select(columns))
        .group_by("as_of", "table")
        .agg(
            *(pl.col(name).sum() for name in spent),
            calls=pl.len().cast(pl.Int64),
            settled=pl.col("content_key").filter("accepted").n_unique().cast(pl.Int64),
            unpriced=pl.col("cost_usd").null_count().cast(pl.Int64),
            models=pl.col("model_id").unique().sort().str.join(", "),
        )
    )


def _asked(store: Store) -> pl.DataFrame:
    """Requests of each published night and table; `unasked` were deferred by the budget or given up."""
    schema = {"as_of": pl.Date, "table": pl.String, "requests": pl.Int64, "unasked": pl.Int64}
    nights = [(table, night) for table, days in store.published().items() for night in days]
    numbers = [(night, table, store.manifest(table, night).metadata) for table, night in nights]
    rows = [_asked_for(*each) for each in numbers if "requests" in each[2]]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _asked_for(night: date, table: str, numbers: dict[str, Any]) -> tuple[date, str, int, int]:
    unasked = int(numbers.get("deferred", 0)) + int(numbers.get("rejected", 0))
    return night, table, int(numbers["requests"]), unasked


def _mean_prices(paid: pl.DataFrame) -> pl.DataFrame:
    """Tokens and money of a mean call, by table."""
    calls = pl.col("calls").sum()
    tokens = (pl.col("prompt_tokens") + pl.col("new_tokens")).sum()
    return paid.group_by("table").agg(mean_tokens=tokens / calls, mean_usd=pl.col("cost_usd").sum() / calls)


def _told(numbers: dict[str, Any]) -> dict[str, Any]:
    """With the hit rate; without money where some calls had no price."""
    unknown = dict.fromkeys(MONEY) if numbers.pop("unpriced") else {}
    return numbers | unknown | {"hit_rate": round(numbers["avoided_calls"] / max(numbers["requests"], 1), 4)}


def show_costs(told: dict[str, Any]) -> None:
    """Nights and their total as a table."""
    by_table = any("table" in night for night in told["nights"])
    keys, last = (["as_of", "table"], ["models"]) if by_table else (["as_of"], [])
    rows = [
        [*(row.get(key) or "" for key in keys), *_cells(row), *(row.get(key) or "" for key in last)]
        for row in (*told["nights"], told["total"] | {"as_of": "total"})
    ]
    numbers = (
        "calls",
        "tokens",
        "USD",
        "minutes",
        "avoided\ncalls",
        "avoided\ntokens",
        "avoided\nUSD",
        "hit rate",
    )
    names = ("night", "table", *numbers, "model") if by_table else ("night", *numbers)
    console.print(stacked(names, rows, console.width, keys=len(keys), words=("model",)))
    if told["total"]["cost_usd"] is None:
        console.print("[dim]USD ?: no price was known for some calls when they were made.[/dim]")


def _cells(row: dict[str, Any]) -> list[str]:
    paid = [
        f"{row['calls']:,}",
        f"{row['prompt_tokens'] + row['new_tokens']:,}",
        dollars(row["cost_usd"]),
        f"{row['seconds'] / 60:.1f}",
    ]
    spared = [
        f"{row['avoided_calls']:,}",
        f"{row['avoided_tokens']:,}",
        dollars(row["avoided_usd"]),
        f"{row['hit_rate']:.1%}",
    ]
    return paid + spared
