"""What a table cost tonight against the nights before."""

from collections.abc import Sequence
from datetime import date
from statistics import median
from typing import TYPE_CHECKING

import polars as pl

from nightshift.night.checks.settings import CheckSettings
from nightshift.night.heartbeat import money
from nightshift.tables import Checked

if TYPE_CHECKING:
    from nightshift.storage.ledger import Ledgers


def paid_by_night(ledgers: "Ledgers", table: str) -> pl.DataFrame:
    """`as_of, calls, tokens, usd` of a table, from the ledger: accepted and rejected answers, of every run.

    `usd` is null where a price was unknown.
    """
    columns = ["as_of", "prompt_tokens", "new_tokens", "cost_usd"]
    mine = pl.col("table") == table
    rows = ledgers.calls(lambda calls: calls.filter(mine).select(columns))
    dear = pl.when(pl.col("cost_usd").null_count() == 0).then(pl.col("cost_usd").sum())
    tokens = (pl.col("prompt_tokens") + pl.col("new_tokens")).sum()
    return rows.group_by("as_of").agg(calls=pl.len(), tokens=tokens, usd=dear).sort("as_of")


def cost(paid: pl.DataFrame, as_of: date, nights: list[date], settings: CheckSettings) -> Checked:
    """Tokens and dollars of a night against the median of the last published `nights` (oldest first).

    The first night reads the whole catalogue and passes; it says nothing about a usual night, so once
    there are others it is left out. A warning needs three things, so that a quiet catalogue and a weekly
    feed do not cry wolf: more than `least_cost_*`, more than `max_cost_ratio` medians, and more than every
    usual night. A night of n independent changed rows varies by the square root of n: at 100,000 tokens,
    some 500 rows, three medians are 40 standard deviations away.
    """
    usual = (nights[1:] or nights)[-settings.usual_nights :]
    spent = {night: (tokens, usd) for night, tokens, usd in paid.select("as_of", "tokens", "usd").iter_rows()}
    tokens, usd = spent.get(as_of, (0, 0.0))
    said = f"{tokens:,} tokens, {money(usd)}"
    numbers = {"tokens": tokens} | ({} if usd is None else {"usd": usd})
    if not usual:
        return Checked(
            "cost", True, f"{said}; the first night, nothing to compare with", blocking=False, numbers=numbers
        )
    before = [spent.get(night, (0, 0.0)) for night in usual]
    past_tokens, past_usd = [tokens for tokens, _ in before], [usd for _, usd in before if usd is not None]
    ratio = settings.max_cost_ratio
    dear = ["tokens"] if _is_dear(tokens, past_tokens, settings.least_cost_tokens, ratio) else []
    dear += ["usd"] if usd is not None and _is_dear(usd, past_usd, settings.least_cost_usd, ratio) else []
    middle = median(past_tokens)
    past = (
        f"the median of the last {len(usual)} nights is {middle:,.0f} tokens"
        if usual[1:]
        else f"{middle:,} on {usual[0]}"
    )
    said += f"; {past}"
    if dear:
        said += (
            f": more than {ratio:g} times as much in {' and '.join(dear)}. `nightshift plan` and the "
            f"asset's `asked:`"
        )
        said += (
            " numbers say why rows were asked (a changed prompt or model asks every row); `budget` caps a "
            "night"
        )
    return Checked("cost", not dear, said, blocking=False, numbers=numbers | {"median_tokens": middle})


def _is_dear(now: float, past: Sequence[float], least: float, ratio: float) -> bool:
    return bool(past) and now > max(least, ratio * median(past), *past)
