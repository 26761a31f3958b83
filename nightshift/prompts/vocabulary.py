"""The closed vocabulary: facets, their tags, and the worked examples a small model learns the task from.

A vocabulary is a YAML file. `movies` comes with Nightshift; name your own file in `nightshift.yaml`, or let
`propose` draft one from the catalogue's own words for a new domain and edit it.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from nightshift.errors import ConfigError
from nightshift.prompts.item_text import one_line

WORD = re.compile(r"[a-z][a-z'-]{2,20}")
STOPWORDS = frozenset(
    "the and for with from that this your you are was has have not all can its into our but will one "
    "two new more most "
    "item items product products released also they them their his her who what when where "
    "which while about after".split()
)

RARE, COMMON = 0.003, 0.2
"""Shares of the catalogue between which a word tells items apart."""
EXAMPLE_CHARS = 100
"""Longest title in a proposed example: it comes from the catalogue, and every request will carry it."""


class Facet(BaseModel, extra="forbid", frozen=True):
    """One question about an item, and the tags that may answer it."""

    name: str = Field(min_length=1)
    """Short lower-case name, part of the table: `mood`."""
    tags: tuple[str, ...] = Field(min_length=2)
    """The closed list. Single common words cost nothing extra to score."""

    @property
    def label(self) -> str:
        """How the facet is written in a prompt."""
        return self.name.capitalize()


class Example(BaseModel, extra="forbid", frozen=True):
    """A worked item: what a good answer looks like."""

    title: str
    attributes: tuple[str, ...] = ()
    text: str = ""
    tags: dict[str, str]
    """One tag a facet."""
    summary: str


class Vocabulary(BaseModel, extra="forbid", frozen=True):
    """Facets, tags and examples of one domain."""

    name: str
    version: int = Field(ge=1)
    """Raise it when tags change their meaning; a changed tag list alone asks again by itself."""
    noun: str = "Item"
    """What an item is called in a prompt: Movie, Book, Product."""
    facets: tuple[Facet, ...] = Field(min_length=1)
    examples: tuple[Example, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _examples_use_the_tags(self) -> "Vocabulary":
        for example in self.examples:
            for facet in self.facets:
                tag = example.tags.get(facet.name)
                if tag not in facet.tags:
                    raise ValueError(
                        f"example {example.title!r}: {facet.name} is {tag!r}, not one of "
                        f"{', '.join(facet.tags)}"
                    )
        return self

    @property
    def tags(self) -> tuple[str, ...]:
        """Every tag once, in order."""
        return tuple(dict.fromkeys(tag for facet in self.facets for tag in facet.tags))


def load_vocabulary(name: str, root: Path) -> Vocabulary:
    """A vocabulary that ships with Nightshift, or a YAML file (relative to `root`). Raises ConfigError
    with the way out."""
    shipped = files("nightshift.prompts").joinpath("vocabularies", f"{name}.yaml")
    path = root / name
    if not shipped.is_file() and not path.is_file():
        propose = f"propose one from your catalogue: nightshift vocabulary --noun Product > {name}"
        raise ConfigError(
            f"vocabulary {name!r} is neither shipped (movies) nor a file: {path} is not there; {propose}"
        )
    try:
        raw = shipped.read_text("utf-8") if shipped.is_file() else path.read_text("utf-8")
        return Vocabulary.model_validate(yaml.safe_load(raw))
    except (yaml.YAMLError, UnicodeDecodeError, ValidationError) as error:
        raise ConfigError(f"vocabulary {name}: {error}") from error


def as_yaml(vocabulary: Vocabulary, unicode: bool = True) -> str:
    """The vocabulary as the file `load_vocabulary` reads; without `unicode`, characters beyond ASCII are
    escaped."""
    plain = vocabulary.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=unicode, default_flow_style=None, width=120)


def propose(
    items: pl.DataFrame, noun: str = "Item", tags_per_facet: int = 20, seed_examples: int = 3
) -> Vocabulary:
    """A first vocabulary for a new domain, from the catalogue's own words.

    Two facets: `category` holds the most frequent attributes, `word` the words that split the catalogue
    best (document frequency between 0.3% and 20%, ranked by the entropy of their presence). Meant to be
    read and edited.
    """
    words = [
        set(WORD.findall(f"{title} {text or ''}".lower())) - STOPWORDS
        for title, text in items.select("title", "text").iter_rows()
    ]
    attributes = [[a.lower() for a in row or []] for row in items["attributes"].to_list()]
    category = tuple(
        tag for tag, _ in Counter(a for row in attributes for a in set(row)).most_common(tags_per_facet)
    )
    word = _telling(words, set(category), tags_per_facet)
    facets = tuple(Facet(name=n, tags=t) for n, t in (("category", category), ("word", word)) if len(t) > 1)
    if not facets:
        raise ConfigError(
            "the catalogue has too few attributes and repeated words to propose a vocabulary; write "
            "one by hand"
        )
    return Vocabulary(
        name=f"{noun.lower()}s",
        version=1,
        noun=noun,
        facets=facets,
        examples=_examples(items, words, attributes, facets, seed_examples),
    )


def _telling(words: list[set[str]], taken: set[str], count: int) -> tuple[str, ...]:
    seen = Counter(word for row in words for word in row)
    total = max(len(words), 1)
    low, high = max(2, RARE * total), max(3, COMMON * total)
    ranked = sorted(
        (-_entropy(n / total), word) for word, n in seen.items() if low <= n <= high and word not in taken
    )
    return tuple(word for _, word in ranked[:count])


def _entropy(share: float) -> float:
    return -(share * math.log(share) + (1 - share) * math.log(1 - share)) if 0 < share < 1 else 0.0


def _examples(
    items: pl.DataFrame,
    words: list[set[str]],
    attributes: list[list[str]],
    facets: tuple[Facet, ...],
    count: int,
) -> tuple[Example, ...]:
    """The items whose own words and attributes answer most facets; a facet without a match takes its first
    tag."""

    def found(row: int, facet: Facet) -> str | None:
        own = words[row] | set(attributes[row])
        return next((tag for tag in facet.tags if tag in own), None)

    order = sorted(
        range(items.height), key=lambda row: (-sum(found(row, f) is not None for f in facets), row)
    )
    fresh = list(_unlike(order, lambda row: [found(row, facet) for facet in facets]))
    rows = (fresh + [row for row in order[:count] if row not in fresh])[:count]
    return tuple(
        _example(items.row(row, named=True), {f.name: found(row, f) or f.tags[0] for f in facets})
        for row in rows
    )


def _unlike(order: list[int], tags_of: Callable[[int], list[str | None]]) -> Iterator[int]:
    """Rows none of whose tags an earlier chosen row has: a model copies what all its examples share."""
    used: set[str] = set()
    for row in order:
        tags = {tag for tag in tags_of(row) if tag}
        if tags and not tags & used:
            used |= tags
            yield row


def _example(item: dict[str, Any], tags: dict[str, str]) -> Example:
    title = one_line(item["title"], EXAMPLE_CHARS)
    return Example(
        title=title,
        attributes=tuple(item["attributes"] or ()),
        tags=tags,
        summary=f"{title}, about {' and '.join(tags.values())}.",
    )
