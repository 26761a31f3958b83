"""Checks that hold a night against those published before it: what they compare is read here, the
judgement is in `nightshift.night.checks`."""

import polars as pl

from nightshift.lift.verdict import main_metric
from nightshift.night.checks import (
    Checked,
    Cloud,
    clouds,
    cost,
    fallback_share,
    lift_kept,
    paid_by_night,
    rows_kept,
    vector_drift,
)
from nightshift.night.night import Night
from nightshift.tables import LIFT, Table

ROWS_KEPT = (
    "Not more than `checks.max_row_drop` of the last night's rows are gone: a broken feed, not a tidy one."
)
COST = "Tokens and dollars are not far above the last nights' (`checks.max_cost_ratio`)."
FALLBACK_SHARE = (
    "Rows did not lose their answers since the night before, beyond what the budget deferred "
    "(`checks.max_fallback_rise`)."
)
VECTOR_DRIFT = "No view's mean vector or spread moved since the night before (`checks.max_vector_drift`)."
DISTINCT = "No vector stands for most of the different texts of its view (`checks.max_equal_vectors`)."
REPEATED = "No text stands for more of the model's answers than `checks.max_repeated_answers`."
OPENINGS = "No more of the model's texts than `checks.max_similar_openings` begin with the same five words."
LIFT_KEPT = "Lift and content lift are not measurably smaller than in the last report."


def kept(night: Night, table: Table, frame: pl.DataFrame) -> Checked:
    """`rows_kept` of a source; names what is gone only when too much is."""
    last = night.store.before(table, night.as_of)
    rows = None if last is None else night.store.manifest(table, last).rows
    most = night.settings.checks.max_row_drop
    found = rows_kept(frame.height, rows, last, most)
    if found.passed or last is None or "item_id" not in frame.columns:
        return found
    ids = night.store.scan(table, last).select(pl.col("item_id").unique()).collect()["item_id"]
    return rows_kept(frame.height, rows, last, most, ids.filter(~ids.is_in(frame["item_id"].implode())))


def spending(night: Night, table: str) -> Checked:
    """`cost` of a prompted table."""
    nights = [day for day in night.store.nights(table) if day < night.as_of]
    return cost(paid_by_night(night.ledgers, table), night.as_of, nights, night.settings.checks)


def fallen_back(night: Night, table: Table, frame: pl.DataFrame, deferred: int) -> Checked:
    """`fallback_share` of a table with an origin."""
    last, limits = night.store.before(table, night.as_of), night.settings.checks
    before = night.store.read_or_empty(table, last)
    return fallback_share(
        frame, before, table.key[0], deferred, last, limits.max_fallback_share, limits.max_fallback_rise
    )


def drifted(night: Night, table: Table, frame: pl.DataFrame) -> Checked:
    """`vector_drift` of an embedding table."""
    limits = night.settings.checks
    return vector_drift(frame, _last_clouds(night, table), limits.max_vector_drift, limits.max_spread_change)


def _last_clouds(night: Night, table: Table) -> dict[str, Cloud]:
    last = night.store.before(table, night.as_of)
    return {} if last is None else clouds(night.store.read(table, last))


def still_lifted(night: Night, frame: pl.DataFrame) -> Checked:
    """`lift_kept` of tonight's report."""
    last = night.store.before(LIFT, night.as_of)
    return lift_kept(frame, night.store.read_or_empty(LIFT, last), last, main_metric(frame))
