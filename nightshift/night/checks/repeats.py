"""Checks between the rows of a table that a model wrote: one text for everybody, and texts that all begin
alike.

Every other check looks at one answer at a time, and a model that says the same of everything passes them all.
"""

from collections import Counter
from collections.abc import Sequence

import polars as pl

from nightshift.enrichments.fallbacks import FROM_A_MODEL
from nightshift.night.checks.rows import WORST
from nightshift.night.checks.settings import CheckSettings
from nightshift.prompts.folding import folded
from nightshift.tables import Checked, many

OPENING_WORDS = 5
"""Words that make an opening. Three are too few: `The user wants` and `A story about` begin good answers."""
WAY_OUT = (
    ". Read some (`nightshift show`), then look at the prompt, the model and its server: thoughts, a "
    "preamble or a refusal that "
    "passed for an answer, a model too small for the task. Another llm.model, or another revision of it, "
    "asks anew"
)
_SHOWN = 80
"""Characters of a text in a message."""


def repeated_answers(frame: pl.DataFrame, settings: CheckSettings, text: str = "summary") -> Checked:
    """No text stands for more than `max_repeated_answers` of the rows that a model wrote.

    `frame` holds its key first, and `content_key, origin` and the column `text` that was written. Rows
    that asked the same (equal keys) may share an answer and count once. Letter case, spaces and marks at
    the end make no difference.
    """
    rows = _written(frame, text).with_columns(said=folded(pl.col("summary")))
    return _judged("repeated_answers", rows, settings.max_repeated_answers, settings, "say the same")


def similar_openings(frame: pl.DataFrame, settings: CheckSettings, text: str = "summary") -> Checked:
    """No more than `max_similar_openings` of the rows that a model wrote begin with the same five words.

    Texts that are equal are left to `repeated_answers`: each different text counts once.
    """
    rows = (
        _written(frame, text)
        .with_columns(folded=folded(pl.col("summary")))
        .unique("folded", maintain_order=True)
    )
    opening = pl.col("folded").str.split(" ").list.head(OPENING_WORDS).list.join(" ")
    return _judged(
        "similar_openings",
        rows.with_columns(said=opening),
        settings.max_similar_openings,
        settings,
        "begin alike",
    )


def _written(frame: pl.DataFrame, text: str) -> pl.DataFrame:
    """`key, summary` of the different requests that a model answered, tonight or before."""
    rows = frame.filter(pl.col("origin").is_in(FROM_A_MODEL))
    return rows.select(
        pl.col(frame.columns[0]).alias("key"), pl.col(text).alias("summary"), "content_key"
    ).unique("content_key", maintain_order=True)


def _judged(name: str, rows: pl.DataFrame, most: float, settings: CheckSettings, what: str) -> Checked:
    counts: Counter[str] = Counter(rows["said"].to_list())
    said, largest = counts.most_common(1)[0] if counts else ("", 0)
    share = largest / max(rows.height, 1)
    limit = f"checks.max_{name}"
    message = (
        f"{largest:,} of {many(rows.height, 'different answer')} {what} ({share:.1%}); at most {most:.0%}"
    )
    numbers = {"share": share, "largest": largest, "answers": rows.height, "limit": most}
    if rows.height < settings.least_answers:
        return Checked(name, True, f"{message}; too few to judge", settings.block_repeated_answers, numbers)
    if share > most:
        owners: Sequence[str] = rows.filter(pl.col("said") == said)["key"].head(WORST).to_list()
        message += f": {said[:_SHOWN]!r}, for example {owners}{WAY_OUT}; {limit} sets the limit"
    return Checked(name, share <= most, message, settings.block_repeated_answers, numbers)
