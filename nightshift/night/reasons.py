"""Why a row is asked tonight: what changed since a model was last asked for it, as the ledger remembers.

new             nobody ever asked for this row
prompt_changed  the prompt, its schema or its decoding did (the texts of two prompts cannot be compared)
text_changed    what the prompt reads of the row did
model_changed   nothing else did: it is the model, its revision or its arithmetic
rejected        its last answer was not accepted: this is another attempt
server_failed   the server gave no answer
state_lost      it was answered, but the ledger has lost the state that came with its scores
"""

from collections.abc import Sequence

import polars as pl

from nightshift.storage.ledger import RETRIED, Ledger, Ledgers

WHY = ("new", "prompt_changed", "text_changed", "model_changed", "rejected", "server_failed", "state_lost")
"""The reasons, in the order in which they are shown."""
SERVER = "server"
"""Reason in the rejects ledger that is, like `RETRIED`, no word of a model: a server failed."""
_LAST = ("row_id", "last_text", "last_prompt")


def attempts(ledgers: Ledgers, table: str, run_id: str | None, most: int) -> pl.DataFrame:
    """What became of the rejected keys of a table: `content_key, attempt, reason, failed, left`.

    `attempt` is the next one and `reason` why the last was rejected (null where the model was never
    heard). `left` is how often the row may still be asked: `most` times in all, `retry` grants `most`
    more, and in the run `run_id` no more once the server failed.
    """
    columns = ("content_key", "attempt", "reason", "run_id")
    rows = ledgers.rejects.query(lambda every: every.filter(pl.col("table") == table).select(columns))
    retried, failed = pl.col("reason").eq_missing(RETRIED), pl.col("reason").eq_missing(SERVER)
    heard = ~retried & ~failed
    tried = pl.col("attempt").filter(heard).max().fill_null(0)
    granted = pl.col("attempt").filter(retried).max().fill_null(0) + most
    unserved = (failed & (pl.col("run_id") == pl.lit(run_id, pl.String))).any()
    return rows.group_by("content_key").agg(
        attempt=tried + 1,
        reason=pl.col("reason").filter(heard).sort_by(pl.col("attempt").filter(heard)).last(),
        failed=failed.any(),
        left=pl.when(unserved).then(0).otherwise(granted - tried),
    )


def explained(
    pending: pl.DataFrame, ledgers: Ledgers, table: str, prompt_id: str, answered: pl.Series
) -> pl.DataFrame:
    """The rows with a column `why`. Needs `content_key, row_id, text_key, attempt, failed`; keys in
    `answered` have lost their state."""
    rows = pending.join(
        _last_asked(ledgers, table, pending["row_id"]), on="row_id", how="left", maintain_order="left"
    )
    changed = (
        pl.when(pl.col("last_prompt").is_null()).then(pl.lit("new"))
        .when(pl.col("last_prompt") != prompt_id).then(pl.lit("prompt_changed"))
        .when(pl.col("last_text").ne_missing(pl.col("text_key"))).then(pl.lit("text_changed"))
        .otherwise(pl.lit("model_changed"))
    )  # fmt: skip
    why = (
        pl.when(pl.col("attempt") > 1).then(pl.lit("rejected"))
        .when(pl.col("failed").fill_null(value=False)).then(pl.lit("server_failed"))
        .when(pl.col("content_key").is_in(answered.implode())).then(pl.lit("state_lost"))
        .otherwise(changed)
    )  # fmt: skip
    return rows.with_columns(why=why).drop(_LAST[1:])


def _last_asked(ledgers: Ledgers, table: str, row_ids: pl.Series) -> pl.DataFrame:
    """`_LAST` of the newest answer, accepted or not, for each of the rows."""
    wanted = pl.LazyFrame({"row_id": row_ids.unique()})
    names = {"text_key": "last_text", "prompt_id": "last_prompt"}

    def newest(ledger: Ledger, heard: Sequence[pl.Expr]) -> pl.DataFrame:
        return ledger.query(
            lambda rows: (
                rows.filter(pl.col("table") == table, *heard)
                .select("row_id", "created_at", *names)
                .join(wanted, on="row_id", how="semi")
                .sort("created_at")
                .unique("row_id", keep="last")
            )
        )

    spoken = ~pl.col("reason").is_in([RETRIED, SERVER])
    rows = pl.concat([newest(ledgers.answers, []), newest(ledgers.rejects, [spoken])])
    return rows.sort("created_at").unique("row_id", keep="last").rename(names).select(_LAST)


def counts(pending: pl.DataFrame) -> dict[str, int]:
    """Pending rows by reason, in the order of WHY."""
    found = dict(pending.group_by("why").len().iter_rows())
    return {why: found[why] for why in WHY if why in found}
