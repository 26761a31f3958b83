"""What a run has paid so far, as tags of the Dagster run: runs can be filtered and compared by their cost."""

from contextlib import suppress

import dagster as dg
import polars as pl

from nightshift.night.night import Night
from nightshift.night.reasons import RETRIED

COUNTED = ("prompt_tokens", "new_tokens", "cost_usd", "seconds")


def paid(night: Night) -> pl.DataFrame:
    """The run's calls of all tables, accepted or not."""
    mine = pl.col("run_id") == night.run_id
    answers = night.ledgers.answers.payments(lambda rows: rows.filter(mine).select(COUNTED))
    return pl.concat(
        [
            answers,
            night.ledgers.rejects.payments(
                lambda rows: rows.filter(mine, pl.col("reason") != RETRIED).select(COUNTED)
            ),
        ]
    )


def cost_tags(night: Night, nights: int) -> dict[str, str]:
    """`nightshift/calls`, `tokens`, `usd`, `seconds`, `nights`; `unknown` dollars where a call had no
    price."""
    rows = paid(night)
    usd = "unknown" if rows["cost_usd"].null_count() else f"{rows['cost_usd'].sum():.6f}"
    told = {
        "calls": str(rows.height),
        "tokens": str(int(rows["prompt_tokens"].sum()) + int(rows["new_tokens"].sum())),
        "usd": usd,
        "seconds": f"{rows['seconds'].sum():.1f}",
        "nights": str(nights),
    }
    return {f"nightshift/{name}": value for name, value in told.items()}


def tag_run(context: dg.AssetExecutionContext, night: Night) -> None:
    """Write what the run has paid so far on the run. A run that Dagster does not keep is left alone."""
    with suppress(dg.DagsterRunNotFoundError):
        context.instance.add_run_tags(context.run.run_id, cost_tags(night, len(context.partition_keys)))
