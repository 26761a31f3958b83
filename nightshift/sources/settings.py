"""How the user's files are mapped: which column is what. The `sources` block of nightshift.yaml.

sources:
  items:        {path: catalogue/*.parquet, item_id: asin, title: name, text: [description, bullet_points]}
  interactions: {path: events/*.parquet, user_id: uid, item_id: asin, timestamp: ts, timestamp_unit: ms}
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

TimestampUnit = Literal["s", "ms", "us", "ns"]
Feedback = Literal["implicit", "explicit", "impressions"]
ColumnName = Annotated[str, Field(min_length=1)]


class _Source(BaseModel):
    """What both sources share."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    path: Annotated[str, Field(min_length=1)]
    """File, folder or glob, relative to the folder of nightshift.yaml: Parquet, CSV, TSV or JSONL; text
    formats may be gzipped (.gz). A folder of folders is read in depth, and `key=value` in a folder's name
    is a column. A path that exists is never a pattern."""
    max_rejected_share: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of rows (0 to 1) that may be dropped for missing or unreadable values; above it, reading stops
    with the first of them."""


class ItemsSource(_Source):
    """The catalogue: one row an item."""

    block: ClassVar[str] = "items"

    item_id: ColumnName
    """Column with the item's id; text or whole numbers, unique."""
    title: ColumnName | None = None
    """Column with the title; where it is empty, or not mapped, the item id stands in."""
    text: ColumnName | tuple[ColumnName, ...] = ()
    """Column or columns with descriptive text, joined in this order; what the language model reads besides
    title and attributes."""
    attributes: ColumnName | None = None
    """Column with categories, genres or brands: a list column, text that is a JSON or Python list, or text
    that `attributes_separator` splits."""
    attributes_separator: Annotated[str, Field(min_length=1)] | None = None
    """What separates attributes in a text column; by default both "|" and ", " do."""
    created_at: ColumnName | None = None
    """Column with the moment the item entered the catalogue; items without it count as always there."""
    created_at_unit: TimestampUnit | None = None
    """Unit of a numeric `created_at` since 1970-01-01 UTC; leave out for date, datetime and ISO 8601 text
    columns."""
    max_text_chars: Annotated[int, Field(ge=1)] = 2000
    """Longest text kept, in characters; the rest is cut. Part of what the model reads: a change asks the
    longer items again."""
    max_title_chars: Annotated[int, Field(ge=1)] = 300
    """Longest title kept, in characters; the rest is cut."""
    duplicate_item: Literal["refuse", "keep_first"] = "refuse"
    """What happens when an item id appears twice: stop, or keep the first row and count the others as
    rejects."""

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The text columns, in the order in which they are joined."""
        return (self.text,) if isinstance(self.text, str) else self.text


class InteractionsSource(_Source):
    """The events: one row each time a user met an item."""

    block: ClassVar[str] = "interactions"

    user_id: ColumnName
    """Column with the user's id; text or whole numbers. It never reaches a prompt."""
    item_id: ColumnName
    """Column with the item's id, as the catalogue spells it."""
    timestamp: ColumnName
    """Column with the moment of the event, or with its place in the user's own order (`timestamp_unit:
    order`)."""
    timestamp_unit: Literal["s", "ms", "us", "ns", "order"] | None = None
    """Unit of a numeric timestamp since 1970-01-01 UTC; leave out for datetime and ISO 8601 text columns
    (UTC where no offset is given). `order`, for research data without times: the column only orders each
    user's events. Every user's last event is laid on 2000-12-31, the one before on the day before, and so
    on; use it with `examples.split: last`, and believe nothing that speaks of days."""
    feedback: Feedback = "implicit"
    """implicit: every event is positive; explicit: `label` is a rating; impressions: `label` says whether
    a shown item was clicked."""
    label: ColumnName | None = None
    """Column with the rating (explicit), or with 0/1 or true/false (impressions); not used for implicit
    feedback."""
    positive_from: float | None = None
    """Lowest rating that counts as positive, in the rating's own unit; needed for explicit feedback."""
    group: ColumnName | None = None
    """Column with the id of the list in which the item was shown; needed for impressions."""
    kind: ColumnName | None = None
    """Column with the kind of event (view, cart, purchase, ...); carried along."""
    positive_kinds: tuple[ColumnName, ...] | None = None
    """Implicit feedback: the values of `kind` that are positive, such as `[cart, purchase]`. Events of
    other kinds are left out and counted: a view is neither a liking nor a refusal, and would hide its item
    from later candidates. None: every kind is positive."""
    unknown_item: Literal["drop", "refuse"] = "drop"
    """What happens to events whose item is not in the catalogue: dropped and counted, or the night stops."""

    @model_validator(mode="after")
    def _needs_what_the_feedback_needs(self) -> Self:
        needed = {"implicit": (), "explicit": ("label", "positive_from"), "impressions": ("label", "group")}[
            self.feedback
        ]
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(
                f"feedback: {self.feedback} needs {' and '.join(missing)}; add it beside feedback"
            )
        unused = [
            name
            for name in ("label", "positive_from")
            if name not in needed and getattr(self, name) is not None
        ]
        if unused:
            raise ValueError(
                f"{unused[0]} has no effect with feedback: {self.feedback}; remove it, or set another "
                f"feedback"
            )
        if self.positive_kinds is not None and (
            self.kind is None or self.feedback != "implicit" or not self.positive_kinds
        ):
            raise ValueError(
                "positive_kinds names values of the column kind, for feedback: implicit; set kind "
                "beside it, or remove it"
            )
        return self


class UsersSource(_Source):
    """Groups of users: one row a user. Read when features are judged; it reaches no prompt, no feature and
    no published table."""

    block: ClassVar[str] = "users"

    user_id: ColumnName
    """Column with the user's id, as the events spell it."""
    groups: Annotated[tuple[ColumnName, ...], Field(min_length=1)]
    """Columns that each divide the users: `[gender, age]`. At most 25 values a column; a slice of the lift
    for each, and the gap between them. Changes no feature, no prompt and no other slice's difference."""


class SourcesSettings(BaseModel):
    """The user's own data: a catalogue and its events."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    items: ItemsSource
    """The catalogue."""
    interactions: InteractionsSource
    """The events."""
    users: UsersSource | None = None
    """Groups of users, for fairness in the lift. None: no such slices."""
