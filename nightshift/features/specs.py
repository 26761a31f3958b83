"""What a ranker reads of an enrichment, as data: from each follow columns, DIN's inputs, arrays, placebo
and lineage.

A spec names columns of a table and holds no function of anybody's, so that it can be saved beside a ranker,
dealt to wrong rows by a placebo and served without the code that wrote the table.
"""

import re
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from nightshift.errors import ConfigError

Family = Literal["text", "llm"]
"""`llm`: a language model wrote, scored or taught it; `text`: only an encoder did."""


def slug(name: str) -> str:
    """A name as part of a column's: lower case, digits and letters, the rest as `_`."""
    return re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_")


@dataclass(frozen=True)
class Spec:
    """What all kinds have."""

    kind: ClassVar[str] = ""
    on: ClassVar[tuple[str, ...]] = ()
    """Entities whose tables it can read."""
    served: ClassVar[bool] = True
    """Whether `nightshift.serving` can make its columns."""
    deals_users: ClassVar[bool] = True
    """Whether its placebo gives users the rows of other users."""
    part: str = field(default="", kw_only=True)
    """Arm that leaves its columns out, `llm_without_<part>`; empty: the table's name."""

    def stem(self, table: str) -> str:
        """How the names of its columns begin, after the family."""
        raise NotImplementedError

    def columns(self, table: str) -> tuple[str, ...]:
        """Names of its columns after the family, where they do not depend on the data."""
        return ()

    def reads(self, table: str) -> tuple[str, ...]:
        """Columns it is made of, as `table.column`."""
        return ()


@dataclass(frozen=True)
class Value(Spec):
    """A numeric column that becomes a column: what `Number` and `PairScore` share."""

    column: str

    def stem(self, table: str) -> str:
        """`<table>_<column>`."""
        return f"{table}_{self.column}"

    def columns(self, table: str) -> tuple[str, ...]:
        """The value, and whether it is missing."""
        return self.stem(table), f"{self.stem(table)}_missing"

    def reads(self, table: str) -> tuple[str, ...]:
        """The column."""
        return (f"{table}.{self.column}",)


@dataclass(frozen=True)
class Number(Value):
    """A numeric column as it is: `llm__<table>_<column>`, and `..._missing`."""

    kind: ClassVar[str] = "number"
    on: ClassVar[tuple[str, ...]] = ("item", "user")


@dataclass(frozen=True)
class OneHot(Spec):
    """A column of one closed choice: one column of 0 and 1 for each of `choices`, and `..._missing`."""

    kind: ClassVar[str] = "one_hot"
    on: ClassVar[tuple[str, ...]] = ("item", "user")
    column: str
    choices: tuple[str, ...]

    def stem(self, table: str) -> str:
        """`<table>_<column>_`."""
        return f"{table}_{self.column}_"

    def columns(self, table: str) -> tuple[str, ...]:
        """One a choice, and whether none is known."""
        named = [f"{self.stem(table)}{slug(choice)}" for choice in self.choices]
        return *named, f"{self.stem(table)}missing"

    def reads(self, table: str) -> tuple[str, ...]:
        """The column."""
        return (f"{table}.{self.column}",)


@dataclass(frozen=True)
class Similarity(Spec):
    """A view of items compared with the user's signed history: `llm__<view>_<similarity>`."""

    kind: ClassVar[str] = "similarity"
    on: ClassVar[tuple[str, ...]] = ("item",)
    view: str

    def stem(self, table: str) -> str:
        """`<view>_`."""
        return f"{self.view}_"


@dataclass(frozen=True)
class TagAffinity(Spec):
    """A long table of `facet, tag, score` for items against the signed history: `llm__tag_liking`,
    `llm__tag_overlap`."""

    kind: ClassVar[str] = "tag_affinity"
    on: ClassVar[tuple[str, ...]] = ("item",)
    view: str
    """Name of the standardized scores as a view."""

    def stem(self, table: str) -> str:
        """`tag_`."""
        return "tag_"


@dataclass(frozen=True)
class PreferenceMatch(Spec):
    """What a user's row says, met with the candidate: tags it names with the candidate's tag scores, its
    text with the candidate's in one view. `llm__<prefix>_liked`, ..., `llm__<prefix>_summary`."""

    kind: ClassVar[str] = "preference_match"
    on: ClassVar[tuple[str, ...]] = ("user",)
    deals_users: ClassVar[bool] = False
    # Both sides of its columns meet in the candidate's own answers, which the placebo deals: what they say
    # of the pair is gone already, and the placebo of every ranker judged so far stays what it was.
    prefix: str
    liked: str
    disliked: str
    view: str
    """View of the user's text and of the items it is compared with."""

    def stem(self, table: str) -> str:
        """`<prefix>_`."""
        return f"{self.prefix}_"

    def reads(self, table: str) -> tuple[str, ...]:
        """The two lists."""
        return f"{table}.{self.liked}", f"{table}.{self.disliked}"


@dataclass(frozen=True)
class Overlap(Spec):
    """Share of a user's list that is in the candidate's list: `llm__<table>_<column>_overlap`, and
    `..._missing`."""

    kind: ClassVar[str] = "overlap"
    on: ClassVar[tuple[str, ...]] = ("item", "user")
    column: str
    other: str
    """The other side's list as `table.column`: an item's where this table is the users', and the reverse."""

    @property
    def other_table(self) -> str:
        """Table of the other side."""
        return self.other.partition(".")[0]

    @property
    def other_column(self) -> str:
        """Column of the other side."""
        return self.other.partition(".")[2]

    def stem(self, table: str) -> str:
        """`<table>_<column>_overlap`."""
        return f"{table}_{self.column}_overlap"

    def columns(self, table: str) -> tuple[str, ...]:
        """The share, and whether it is missing."""
        return self.stem(table), f"{self.stem(table)}_missing"

    def reads(self, table: str) -> tuple[str, ...]:
        """Both lists."""
        return f"{table}.{self.column}", self.other


@dataclass(frozen=True)
class PairScore(Value):
    """A number of a (user, item) row: `llm__<table>_<column>`, with rank and z-score in its list, and
    `..._missing`."""

    kind: ClassVar[str] = "pair_score"
    on: ClassVar[tuple[str, ...]] = ("pair",)
    deals_users: ClassVar[bool] = False
    # Its placebo exchanges the numbers of a user's own pairs: which users have any stays as it is.


@dataclass(frozen=True)
class Edges(Spec):
    """Relations between rows, for affinities and paths."""

    kind: ClassVar[str] = "edges"
    served: ClassVar[bool] = False
    relation: str


@dataclass(frozen=True)
class CandidateSource(Spec):
    """A source of candidates of its own."""

    kind: ClassVar[str] = "candidate_source"
    served: ClassVar[bool] = False
    name: str


@dataclass(frozen=True)
class RowWeight(Spec):
    """A weight of training rows."""

    kind: ClassVar[str] = "row_weight"
    served: ClassVar[bool] = False
    column: str


@dataclass(frozen=True)
class TeacherLabel(Spec):
    """A teacher's soft label of training rows."""

    kind: ClassVar[str] = "teacher_label"
    served: ClassVar[bool] = False
    column: str


UNUSED = (Edges, CandidateSource, RowWeight, TeacherLabel)
"""Kinds that can be declared and that nothing reads yet."""
READ = (Number, OneHot, Similarity, TagAffinity, PreferenceMatch, Overlap, PairScore)
"""Kinds that a ranker reads, in no particular order."""
KINDS: dict[str, type[Spec]] = {kind.kind: kind for kind in READ}
"""Those by name."""


def refuse_unused(owner: str, specs: tuple[Spec, ...]) -> None:
    """Raise ConfigError for a kind that no ranker reads yet: a column that nobody reads would be a
    promise."""
    for spec in specs:
        if isinstance(spec, UNUSED):
            kinds = "number, one_hot, similarity, overlap, pair_score"
            raise ConfigError(
                f"enrichment {owner}: features of kind {spec.kind} are not read by any ranker yet; "
                f"take {kinds}"
            )
