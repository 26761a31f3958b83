"""What a night must satisfy, as plain functions of frames. Assets turn the results into Dagster asset checks.

A blocking check keeps a bad table from being published; a warning is shown and publishes all the same.
Every message of a failed check names the worst rows and the way out. docs/checks.md says what each means
to whoever is on call.
"""

from nightshift.lift.checks import lift_kept
from nightshift.night.checks.answers import fallback_share, not_scored, reject_share
from nightshift.night.checks.cost import cost, paid_by_night
from nightshift.night.checks.repeats import repeated_answers, similar_openings
from nightshift.night.checks.rows import coverage, not_empty, one_row_each, rows_kept, schema, unique_key
from nightshift.night.checks.settings import CheckSettings
from nightshift.night.checks.times import freshness, no_times, nothing_from_the_future
from nightshift.night.checks.vectors import Cloud, clouds, distinct_vectors, vector_drift, vectors_are_sound
from nightshift.tables import Checked

__all__ = [
    "CheckSettings",
    "Checked",
    "Cloud",
    "clouds",
    "cost",
    "coverage",
    "distinct_vectors",
    "fallback_share",
    "freshness",
    "lift_kept",
    "no_times",
    "not_empty",
    "not_scored",
    "nothing_from_the_future",
    "one_row_each",
    "paid_by_night",
    "reject_share",
    "repeated_answers",
    "rows_kept",
    "schema",
    "similar_openings",
    "unique_key",
    "vector_drift",
    "vectors_are_sound",
]
