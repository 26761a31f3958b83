"""What a ranker reads of an enrichment, as data: from each follow columns, DIN's inputs, arrays, placebo
and lineage.

A spec names columns of a table and holds no function of anybody's, so that it can be saved beside a ranker,
dealt to wrong rows by a placebo and served without the code that wrote the table.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from nightshift.errors import ConfigError

Family = Literal["text", "llm"]
"""`llm`: a language model wrote, scored or taught it; `text`: only an encoder did."""


@dataclass(frozen=True)
class Spec:
    """What all kinds have."""

    kind: ClassVar[str] = ""
    served: ClassVar[bool] = True
    """Whether `nightshift.serving` can make its columns."""


@dataclass(frozen=True)
class Number(Spec):
    """A numeric column as it is: `llm__<table>_<column>`."""

    kind: ClassVar[str] = "number"
    column: str


@dataclass(frozen=True)
class OneHot(Spec):
    """A column of one closed choice: one column of 0 and 1 for each of `choices`."""

    kind: ClassVar[str] = "one_hot"
    column: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Similarity(Spec):
    """A view of items compared with the user's signed history: `llm__<view>_<similarity>`."""

    kind: ClassVar[str] = "similarity"
    view: str


@dataclass(frozen=True)
class TagAffinity(Spec):
    """A long table of `facet, tag, score` for items against the signed history: `llm__tag_liking`,
    `llm__tag_overlap`."""

    kind: ClassVar[str] = "tag_affinity"
    view: str
    """Name of the standardized scores as a view."""


@dataclass(frozen=True)
class NamedTags(Spec):
    """Lists of tags that a user's row names, met with the candidate's tag scores: `llm__<prefix>_liked`,
    ..."""

    kind: ClassVar[str] = "named_tags"
    prefix: str
    liked: str
    disliked: str


@dataclass(frozen=True)
class ViewMatch(Spec):
    """Cosine of a user's text with the candidate's, in the space of one view: `llm__<prefix>_summary`."""

    kind: ClassVar[str] = "view_match"
    prefix: str
    view: str


@dataclass(frozen=True)
class Overlap(Spec):
    """Share of a user's list that is in the candidate's list: `llm__<table>_<column>_overlap`."""

    kind: ClassVar[str] = "overlap"
    column: str
    other: str


@dataclass(frozen=True)
class PairScore(Spec):
    """A number of a (user, item) row: `llm__<table>_<column>`, with rank and z-score in its list."""

    kind: ClassVar[str] = "pair_score"
    column: str


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
