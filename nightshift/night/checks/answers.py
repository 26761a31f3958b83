"""Checks of what models answered: how much of it could not be used, and how many rows carry a fallback."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from nightshift.night.checks.rows import WORST
from nightshift.tables import Checked, many


def not_scored(backend: str) -> Checked:
    """In place of `coverage` where nothing was asked because the backend cannot weigh choices."""
    return Checked("coverage", True, f"not scored: backend {backend} writes answers only")


def reject_share(rejects: pl.DataFrame, answered: int, most: float) -> Checked:
    """Share of tonight's answers that were not accepted. The message names the worst reasons and three
    rows."""
    waiting = rejects.filter(pl.col("reason") == "waiting").height
    rejects, answered = rejects.filter(pl.col("reason") != "waiting"), answered - waiting
    share = rejects.height / max(answered, 1)
    message = f"{rejects.height:,} of {answered:,} answers rejected ({share:.1%}); at most {most:.0%}"
    message += f"; waiting for a batch that the next run takes up: {many(waiting, 'row')}" if waiting else ""
    if rejects.height:
        reasons = rejects.group_by("reason").len().sort("len", "reason", descending=[True, False]).head(3)
        shown = rejects.head(WORST).select("key", "reason", pl.col("answer").str.slice(0, 60)).rows()
        message += f". Worst reasons: {dict(reasons.iter_rows())}. For example: {shown}"
    if share > most:
        message += (
            ". Mend the prompt, the model or its server and run again; or raise checks.max_reject_share"
        )
    numbers = {"share": share, "rejected": rejects.height, "answered": answered, "limit": most}
    return Checked("reject_share", share <= most, message, numbers=numbers)


def fallback_share(
    frame: pl.DataFrame,
    last: pl.DataFrame,
    key: str,
    deferred: int,
    night: date | None,
    most: float,
    most_rise: float,
) -> Checked:
    """Rows whose `origin` is not the model tonight, and how many more than the night before, beyond what
    the budget deferred.

    The rise is taken over rows that both nights have, so that new users and items, who never had an
    answer, are no loss; and `deferred` rows are left out of it, since a budget that ends is said by exit
    code 3 and on every asset. What remains happens when a server fails row by row, when recorded answers
    run out or histories grow too short: on nights without such a cause it is zero, not small, so a tenth
    is not reached by chance. `frame` and `last` hold `key, origin`.
    """
    owners, before = (_is_fallback(rows, key) for rows in (frame, last))
    share = float(owners["fallback"].mean() or 0.0)  # type: ignore[arg-type]
    both = owners.join(before, on=key, suffix="_last", maintain_order="left")
    lost = both.filter(pl.col("fallback") & ~pl.col("fallback_last"))
    gained = both.filter(~pl.col("fallback") & pl.col("fallback_last")).height
    rise = max(0.0, (lost.height - gained - deferred) / max(both.height, 1))
    numbers = {
        "share": share,
        "rise": rise,
        "lost": lost.height,
        "gained": gained,
        "deferred": deferred,
        "limit": most_rise,
    }
    message = f"{share:.1%} of {owners.height:,} rows carry a fallback ({_origins(frame, key)})"
    message += (
        f"; since {night}, {lost.height:,} of {both.height:,} rows lost their answer and {gained:,} got one"
        if night
        else ""
    )
    message += f"; the budget deferred {deferred:,}" if deferred else ""
    if share <= most and rise <= most_rise:
        return Checked("fallback_share", True, message, blocking=False, numbers=numbers)
    return Checked(
        "fallback_share",
        False,
        message + _way_out(lost[key].head(WORST).to_list(), share > most),
        False,
        numbers,
    )


def _is_fallback(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    return frame.select(key, fallback=pl.col("origin") != "llm").unique(key, maintain_order=True)


def _origins(frame: pl.DataFrame, key: str) -> str:
    counts = frame.unique(key).filter(pl.col("origin") != "llm").group_by("origin").len().sort("origin")
    return ", ".join(f"{origin} {count:,}" for origin, count in counts.iter_rows()) or "none"


def _way_out(lost: Sequence[str], over: bool) -> str:
    named = f"; lost, for example: {list(lost)}" if lost else ""
    limit = "checks.max_fallback_share" if over else "checks.max_fallback_rise"
    return (
        f"{named}. `nightshift rejects` says why rows were refused, `nightshift plan` what is pending; "
        f"{limit} sets the limit"
    )
