"""All that rankers read of a night's enrichments, as one value: views of items and features, with their
tables.

It is derived from the registry once (`nightshift.enrichments.features`), carried to whatever makes columns,
and saved beside a ranker, so that serving makes the same ones without a registry.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, Self

from nightshift.errors import ConfigError, IntegrityError
from nightshift.features.specs import (
    KINDS,
    Family,
    Number,
    OneHot,
    Overlap,
    PairScore,
    PreferenceMatch,
    Similarity,
    Spec,
    TagAffinity,
)
from nightshift.tables import ITEM_CODES, ITEM_EMBEDDINGS, USER_EMBEDDINGS

SOURCE, TEMPLATE = "raw", "template"
"""Views that no enrichment makes: the source text, and what a template says of it."""
FIRST = Path(__file__).with_name("first_spec.json")
"""What rankers read before specs were saved beside them."""
ON_TABLES = (Number, OneHot, Overlap, PairScore)
"""Kinds whose columns are read off a table by itself."""


@dataclass(frozen=True)
class ItemView:
    """One kind of vector of items."""

    name: str
    kind: Literal["text", "state", "scores"]
    """`text`: embedded by the encoder; `state`: the model's own; `scores`: of a long table of tags."""
    table: str
    """Whose rows they speak of."""
    family: Family = "llm"


@dataclass(frozen=True)
class Feature:
    """A spec with the table it reads."""

    table: str
    entity: str
    """item, user or pair."""
    spec: Spec
    family: Family = "llm"

    @property
    def stem(self) -> str:
        """How its columns begin, after the family."""
        return self.spec.stem(self.table)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns after the family; none where they depend on the data."""
        return self.spec.columns(self.table)

    @property
    def part(self) -> str:
        """Name of the arm that leaves it out."""
        return self.spec.part or self.table

    @property
    def users_table(self) -> str:
        """Table whose users its placebo deals."""
        spec = self.spec
        return spec.other_table if isinstance(spec, Overlap) and self.entity == "item" else self.table

    @property
    def ranked(self) -> bool:
        """Whether its columns also appear as rank and z-score: not what all rows of a list share, nor a
        choice."""
        own = isinstance(self.spec, Number | OneHot) and self.entity == "user"
        return not own and not isinstance(self.spec, OneHot)


@dataclass(frozen=True)
class ContentSpec:
    """Views and features, in the order in which columns are made."""

    views: tuple[ItemView, ...] = ()
    """Views of items that enrichments make: texts, then states, then scores."""
    features: tuple[Feature, ...] = ()

    def __post_init__(self) -> None:
        _refuse_twice("view", [SOURCE, TEMPLATE, *(view.name for view in self.views)])
        _refuse_twice("feature column", [name for one in self.features for name in one.columns])
        _refuse_twice("feature", [f"{one.spec.kind} {one.stem}" for one in self.features])
        for kind in (TagAffinity, PreferenceMatch):
            found = [one.table for one in self.features if isinstance(one.spec, kind)]
            if len(found) > 1:
                raise ConfigError(
                    f"features of kind {kind.kind} are declared by {' and '.join(found)}; one "
                    f"enrichment may have it"
                )
        for one in self.features:
            _refuse_unknown_view(one, [view.name for view in self.views])

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """Tables of a night that columns are made of."""
        mine = [one.table for one in self.features if not isinstance(one.spec, Similarity)]
        others = [one.spec.other_table for one in self.features if isinstance(one.spec, Overlap)]
        made = (ITEM_EMBEDDINGS.name, USER_EMBEDDINGS.name, ITEM_CODES.name)
        return tuple(dict.fromkeys((*mine, *others, *made)))

    @cached_property
    def embedded(self) -> tuple[str, ...]:
        """Views that are rows of `item_embeddings`, in the order of a night's content."""
        return (SOURCE, TEMPLATE, *(view.name for view in self.views if view.kind != "scores"))

    @cached_property
    def scores(self) -> dict[str, str]:
        """Views that are scores, with their tables."""
        return {view.name: view.table for view in self.views if view.kind == "scores"}

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """What candidates may come from beside the events: views of items, and what users' rows say."""
        stated = [one.spec.prefix for one in self.features if isinstance(one.spec, PreferenceMatch)]
        return (SOURCE, TEMPLATE, *(view.name for view in self.views), *stated)

    def views_of(self, kind: str) -> tuple[str, ...]:
        """Views of one kind: `text`, `state` or `scores`."""
        return tuple(view.name for view in self.views if view.kind == kind)

    @cached_property
    def written(self) -> frozenset[str]:
        """Views that a language model's answers are behind: a placebo deals them."""
        return frozenset(view.name for view in self.views if view.family == "llm")

    @cached_property
    def affinity(self) -> Feature | None:
        """The scored tags."""
        return next((one for one in self.features if isinstance(one.spec, TagAffinity)), None)

    @cached_property
    def preference(self) -> Feature | None:
        """What users' rows say."""
        return next((one for one in self.features if isinstance(one.spec, PreferenceMatch)), None)

    @cached_property
    def read_off(self) -> tuple[Feature, ...]:
        """Features whose columns are read off a table by itself."""
        return tuple(one for one in self.features if isinstance(one.spec, ON_TABLES))

    def similar(self, family: str) -> tuple[str, ...]:
        """Views that a family compares with the history, in the order of its columns."""
        if family in ("base", TEMPLATE):
            return () if family == "base" else (TEMPLATE,)
        mine = self.of(family)
        names = [one.spec.view for one in mine if isinstance(one.spec, Similarity)]
        return (SOURCE, *names) if family == "text" else tuple(names)

    def of(self, family: str) -> list[Feature]:
        """Features of a family."""
        return [one for one in self.features if one.family == family]

    @cached_property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """What `llm` is made of: name of the part -> how its columns begin after the family."""
        place = {view.name: number for number, view in enumerate(self.views)}
        last = len(place)
        viewed = [(place.get(getattr(one.spec, "view", ""), last), one) for one in self.of("llm")]
        whole = [
            one for _, one in sorted(viewed, key=lambda pair: pair[0] if pair[1].entity == "item" else last)
        ]
        parts: dict[str, tuple[str, ...]] = {}
        for one in whole:
            parts[one.part] = (*parts.get(one.part, ()), one.stem)
        return parts

    @cached_property
    def unranked(self) -> frozenset[str]:
        """Columns, after the family, that get no rank and z-score in a list."""
        return frozenset(name for one in self.features if not one.ranked for name in one.columns)

    def to_json(self) -> str:
        """What is saved."""
        views = [asdict(view) for view in self.views]
        return json.dumps({"views": views, "features": [_told(one) for one in self.features]}, indent=1)

    @classmethod
    def of_json(cls, text: str) -> Self:
        """Back from what was saved. Raises IntegrityError for what this version does not know."""
        try:
            raw = json.loads(text)
            views = tuple(ItemView(**view) for view in raw["views"])
            return cls(views, tuple(_heard(one) for one in raw["features"]))
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError(
                f"what a ranker reads of a night cannot be read by this version: {error!r}"
            ) from error


@cache
def first_spec() -> ContentSpec:
    """What rankers read before specs were saved beside them, and what is read where nothing else is said."""
    return ContentSpec.of_json(FIRST.read_text("utf-8"))


def _told(one: Feature) -> dict[str, Any]:
    own = {name.name: getattr(one.spec, name.name) for name in fields(one.spec)}
    return {"kind": one.spec.kind, "table": one.table, "entity": one.entity, "family": one.family} | own


def _heard(raw: dict[str, Any]) -> Feature:
    own: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in raw.items()
    }
    table, entity, family = (own.pop(name) for name in ("table", "entity", "family"))
    return Feature(table, entity, _made(own), family)


def _made(own: dict[str, Any]) -> Spec:
    kind: Any = KINDS[own.pop("kind")]
    made: Spec = kind(**own)
    return made


def _refuse_twice(what: str, names: list[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ConfigError(f"the {what} {twice[0]!r} is made twice; give one of the two another name")


def _refuse_unknown_view(one: Feature, known: list[str]) -> None:
    view = getattr(one.spec, "view", None)
    if view is not None and view not in known:
        raise ConfigError(
            f"enrichment {one.table}: feature {one.spec.kind} reads the view {view!r}, which no "
            f"enrichment of items makes; there are {', '.join(known) or 'none'}"
        )


def columns_of(features: list[Feature]) -> Iterator[str]:
    """Names of all columns that do not depend on the data."""
    for one in features:
        yield from one.columns
