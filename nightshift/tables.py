"""Every table Nightshift writes or reads: columns, types, units, keys. The one place where a column gets
its name.

A table is checked at the door (`Table.conform`): columns in order, types cast only where nothing can be
lost, keys unique, required values present. Tables marked `open` are wide feature tables: their named
columns are fixed and any number of Float32 feature columns may follow.
"""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from nightshift.errors import TableError

SCHEMA_VERSION = 1
"""Raised when a named column changes its name, type or meaning. Part of every manifest."""

MOMENT = pl.Datetime("us", "UTC")
STRINGS = pl.List(pl.String)
VECTOR = pl.List(pl.Float32)

ORIGINS = ("llm", "group", "template", "carried")
"""Where a value came from: a model, a group-level answer, a template, or last night's value."""

VIEWS = ("raw", "facts", "hidden", "tags", "template")
"""What a vector is made of: source text, what the model wrote, the model's own state, its tag scores, the
placebo's template."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type, what it holds, and whether it may be missing."""

    dtype: pl.DataType | type[pl.DataType]
    about: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A table's name, columns and key."""

    name: str
    about: str
    columns: dict[str, Column]
    key: tuple[str, ...] = ()
    open: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """Column name to polars type, in order."""
        return {name: column.dtype for name, column in self.columns.items()}

    def empty(self) -> pl.DataFrame:
        """No rows, all columns."""
        return pl.DataFrame(schema=self.schema)

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with this table's columns in order. Raises TableError naming table, column, row and
        value."""
        self._check_columns(frame)
        frame = self._cast(frame)
        self._check_required(frame)
        self._check_key(frame)
        return frame

    def _check_columns(self, frame: pl.DataFrame) -> None:
        missing = [name for name in self.columns if name not in frame.columns]
        if missing:
            raise TableError(f"table {self.name} lacks column {missing[0]!r}; it has {frame.columns}")
        extra = [name for name in frame.columns if name not in self.columns]
        if extra and not self.open:
            raise TableError(
                f"table {self.name} has no column {extra[0]!r}; add it to nightshift/tables.py or drop it"
            )

    def _cast(self, frame: pl.DataFrame) -> pl.DataFrame:
        extra = [name for name in frame.columns if name not in self.columns]
        wanted = self.schema | dict.fromkeys(extra, pl.Float32)
        try:
            return frame.select(pl.col(name).cast(dtype) for name, dtype in wanted.items())
        except pl.exceptions.PolarsError as error:
            raise TableError(f"table {self.name}: {error}") from error

    def _check_required(self, frame: pl.DataFrame) -> None:
        for name, column in self.columns.items():
            if column.required and frame[name].null_count():
                row = frame[name].is_null().arg_max()
                raise TableError(
                    f"table {self.name}: column {name!r} is missing in row {row}: {frame.row(row or 0)[:6]}"
                )

    def _check_key(self, frame: pl.DataFrame) -> None:
        if not self.key or frame.select(self.key).n_unique() == frame.height:
            return
        twice = frame.filter(frame.select(self.key).is_duplicated()).select(self.key).row(0)
        raise TableError(f"table {self.name}: key {self.key} is not unique, {twice} appears more than once")


@dataclass(frozen=True)
class Checked:
    """One check's outcome."""

    name: str
    passed: bool
    message: str
    blocking: bool = True
    numbers: dict[str, Any] = field(default_factory=dict)
    """Shown on the asset beside the message: what was measured, and the limit it was held against."""


def many(number: int, noun: str) -> str:
    """A count with its noun, for messages: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _text(about: str, required: bool = True) -> Column:
    return Column(pl.String, about, required)


PROVENANCE = {
    "origin": _text("llm, group, template or carried"),
    "prompt_id": _text("name and version of the prompt"),
    "model_id": _text("name and revision of the model"),
    "content_key": _text(
        "ledger key of the answer behind this row; null when no model answered", required=False
    ),
}

ITEMS = Table(
    "items",
    "The catalogue as the sources gave it, cleaned.",
    {
        "item_id": _text("the item's id, as text"),
        "title": _text("title; the item id where the source had none"),
        "text": _text("all mapped text columns, cleaned and length-capped", required=False),
        "attributes": Column(STRINGS, "categories, genres, brands", required=False),
        "created_at": Column(MOMENT, "when the item entered the catalogue", required=False),
    },
    key=("item_id",),
)

INTERACTIONS = Table(
    "interactions",
    "What users did before the night: one row an event.",
    {
        "user_id": _text("the user's id, as text"),
        "item_id": _text("the item's id; always one of `items`"),
        "timestamp": Column(MOMENT, "when it happened, UTC"),
        "label": Column(pl.Float32, "1 positive, 0 negative; explicit ratings are cut at `positive_from`"),
        "kind": _text("click, rating, purchase, ... as the source calls it", required=False),
        "request_id": _text("the list the item was shown in, for impressions", required=False),
    },
)

GROUP_FACTS = Table(
    "group_facts",
    "A sentence for every group of items that share an attribute; what an item carries that has no "
    "sentence of its own.",
    {
        "group": _text("the attribute that makes the group, as in `items.attributes`"),
        "items": Column(pl.Int32, "items of which it is the rarest attribute that makes a group"),
        "summary": _text("one sentence about the group"),
        **PROVENANCE,
    },
    key=("group",),
)

ITEM_FACTS = Table(
    "item_facts",
    "A summary and tags for every item, written by the language model where the budget allowed.",
    {
        "item_id": _text("the item"),
        "summary": _text("one sentence for people and for the text encoder"),
        "tags": Column(STRINGS, "tags from the closed vocabulary"),
        **PROVENANCE,
    },
    key=("item_id",),
)

ITEM_TAG_SCORES = Table(
    "item_tag_scores",
    "How likely the model finds each tag of the closed vocabulary for each item.",
    {
        "item_id": _text("the item"),
        "tag": _text("a tag of the vocabulary"),
        "facet": _text("the question the tag answers: mood, theme, ..."),
        "score": Column(
            pl.Float32,
            "log-probability of the tag within its facet, minus the tag's frozen mean over the catalogue",
        ),
        **PROVENANCE,
    },
    key=("item_id", "facet", "tag"),
)

USER_PREFERENCES = Table(
    "user_preferences",
    "What each user likes and dislikes, read from the history before the night.",
    {
        "user_id": _text("the user"),
        "history_length": Column(pl.Int32, "events before the night"),
        "last_event_at": Column(MOMENT, "newest event before the night"),
        "likes": Column(STRINGS, "tags of the closed vocabulary"),
        "dislikes": Column(STRINGS, "tags of the closed vocabulary"),
        "summary": _text("one sentence for people and for the text encoder"),
        **PROVENANCE,
    },
    key=("user_id",),
)


def _embeddings(owner: str) -> Table:
    return Table(
        f"{owner}_embeddings",
        f"Vectors of each {owner}, one row a view.",
        {
            f"{owner}_id": _text(f"the {owner}"),
            "view": _text(", ".join(VIEWS)),
            "encoder_id": _text("name and revision of what made the vector"),
            "vector": Column(VECTOR, "unit length for encoder views; the model's own scale for `hidden`"),
        },
        key=(f"{owner}_id", "view"),
    )


ITEM_EMBEDDINGS = _embeddings("item")
USER_EMBEDDINGS = _embeddings("user")

ITEM_CODES = Table(
    "item_codes",
    "Semantic ids: the path of codes that leads to an item in each view, near items sharing its head.",
    {
        "item_id": _text("the item"),
        "view": _text(", ".join(VIEWS)),
        "codes": Column(pl.List(pl.Int32), "one code a level, coarse to fine"),
        "codebook": _text(
            "version of the frozen codebook; codes of different codebooks mean different things"
        ),
    },
    key=("item_id", "view"),
)

CANDIDATES = Table(
    "candidates",
    "Items worth ranking for each user, by the source that found them.",
    {
        "user_id": _text("the user"),
        "item_id": _text("an item the user had not met before the night"),
        "source": _text("popular, item_knn, ease, raw, facts or preference"),
        "rank": Column(pl.Int32, "1 is the source's best"),
        "score": Column(pl.Float32, "in the source's own unit; scores of two sources are not comparable"),
    },
    key=("user_id", "source", "item_id"),
)

ITEM_FEATURES = Table(
    "item_features",
    "One flat row an item, for any ranker.",
    {"item_id": _text("the item")},
    key=("item_id",),
    open=True,
)
USER_FEATURES = Table(
    "user_features",
    "One flat row a user, for any ranker.",
    {"user_id": _text("the user")},
    key=("user_id",),
    open=True,
)

_EXAMPLE = {
    "user_id": _text("the user"),
    "item_id": _text("the item"),
    "timestamp": Column(MOMENT, "when the row was judged; its features know nothing at or after it"),
    "label": Column(pl.Float32, "1 positive, 0 negative"),
    "group_id": _text("the list the row belongs to: the request, or user and moment"),
    "split": _text("train, valid or test"),
    "retrieved": Column(
        pl.Boolean,
        "implicit feedback: whether the candidate stage found the item; null for rows that users were shown",
        required=False,
    ),
}

RANKING_EXAMPLES = Table(
    "ranking_examples",
    "Training rows: every event with the features that were known strictly before it.",
    _EXAMPLE
    | {
        "as_of": Column(
            pl.Date, "the newest night at or before the row's day; null before the first", required=False
        )
    },
    key=("user_id", "item_id", "timestamp", "group_id"),
    open=True,
)

RANKING_SCORES = Table(
    "ranking_scores",
    "What every arm's ranker said about every test row: all reported metrics can be recomputed from it.",
    {
        "arm": _text(
            "base, text, llm, permuted (permuted2, ...: other dealings, one a seed), template, "
            "llm_without_facts, ..."
        ),
        "ranker": _text("lightgbm, din"),
        "seed": Column(pl.Int32, "training seed"),
        **_EXAMPLE,
        "score": Column(pl.Float64, "probability of a positive label"),
    },
    key=("arm", "ranker", "seed", "user_id", "item_id", "timestamp", "group_id"),
)

REJECTS = Table(
    "rejects",
    "Answers that were not accepted and source rows that were dropped, each with its reason.",
    {
        "table": _text("the table the row was meant for"),
        "key": _text("item id, user id, or place in the source"),
        "reason": _text(
            "refusal, empty, schema, too_long, ungrounded, repetition, repeated, or why a row was dropped"
        ),
        "answer": _text("what the model said, or the value that was dropped", required=False),
        "prompt_id": _text("prompt, for answers", required=False),
        "model_id": _text("model, for answers", required=False),
        "content_key": _text("ledger key, for answers", required=False),
    },
)

LIFT = Table(
    "lift",
    "Each arm's metrics and their difference to the arm they are compared with, by slice.",
    {
        "arm": _text("the arm that is judged"),
        "against": _text("the arm it is compared with; the arm itself on rows without a comparison"),
        "ranker": _text("lightgbm, din; source for what a source of candidates reaches alone"),
        "metric": _text(
            "auc, gauc, ndcg@10, logloss, smooth_ece, bias (predicted by observed positives); lists "
            "of candidates: ndcg@10, recall@10, "
            "recall@20, mrr@20, recall of candidates, and what is shown: coverage@10, gini@10, "
            "tail@10, novelty@10, popularity_gap@10, "
            "diversity_attributes@10, diversity_raw@10, diversity_facts@10"
        ),
        "slice": _text(
            "all, a slice declared before looking, `group <column>=<value>` of users, or `gap between "
            "groups of <column>`"
        ),
        "value": Column(pl.Float64, "the arm's metric, seeds averaged", required=False),
        "difference": Column(pl.Float64, "arm minus against", required=False),
        "ci_low": Column(
            pl.Float64, "2.5% of the user-clustered bootstrap of the difference", required=False
        ),
        "ci_high": Column(pl.Float64, "97.5% of the same", required=False),
        "p_value": Column(pl.Float64, "two-sided sign-flip randomization over users", required=False),
        "p_holm": Column(
            pl.Float64,
            "the same, corrected over the slices of this comparison and metric (Holm, 1979)",
            required=False,
        ),
        "detectable": Column(
            pl.Float64,
            "the difference found in four of five repetitions: 2.8 standard errors",
            required=False,
        ),
        "seed_sd": Column(pl.Float64, "standard deviation of the difference over seeds", required=False),
        "n_users": Column(pl.Int32, "users in the slice"),
        "n_rows": Column(pl.Int32, "test rows in the slice"),
    },
    key=("arm", "against", "ranker", "metric", "slice"),
)

TABLES = {
    table.name: table
    for table in (
        ITEMS,
        INTERACTIONS,
        ITEM_EMBEDDINGS,
        USER_EMBEDDINGS,
        ITEM_CODES,
        ITEM_FEATURES,
        USER_FEATURES,
        CANDIDATES,
        RANKING_EXAMPLES,
        RANKING_SCORES,
        REJECTS,
        LIFT,
    )
}
"""All tables by name."""
