"""The closed vocabulary: facets, their tags, and the worked examples a small model learns the task from.

A vocabulary is a YAML file. `movies` comes with Nightshift; name your own file in `nightshift.yaml`, or let
`propose` draft one from the catalogue's own words for a new domain and edit it.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from nightshift.errors import ConfigError
from nightshift.prompts.item_text import one_line
from nightshift.prompts.stopwords import STOPWORDS, folded, singulars
from nightshift.yaml_text import read_yaml

WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['\u2019-](?=[^\W\d_])){2,20}")
"""Three letters or more, of any alphabet; apostrophes and hyphens only between letters."""

RARE, COMMON = 0.003, 0.2
"""Shares of the catalogue between which a word tells items apart."""
EXAMPLE_CHARS = 100
"""Longest title in a proposed example: it comes from the catalogue, and every request will carry it."""
EXAMPLE_TEXT = 240
"""Longest text in a proposed example."""


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
    def _each_once(self) -> "Vocabulary":
        lists = {"facet": [facet.name for facet in self.facets]}
        lists |= {f"tag of facet {facet.name!r}": list(facet.tags) for facet in self.facets}
        for what, names in lists.items():
            if twice := [name for name, count in Counter(names).items() if count > 1]:
                raise ValueError(f"{what}: {twice[0]!r} stands twice; keep one of them")
        return self

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
        return Vocabulary.model_validate(read_yaml(raw, f"vocabulary {name}"))
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

    `category` holds the most frequent attributes; `word` the words that split the catalogue best (document
    frequency between 0.3% and 20%, ranked by the entropy of their presence), plurals folded. Without
    attributes, words of titles are a facet `subject` of their own. Every example carries tags that its own
    words hold. Meant to be read and edited.
    """
    rows, own = _Words.of(items), set(singulars(f"{noun.lower()}s")) | {f"{noun.lower()}s"}
    category = tuple(
        tag for tag, _ in Counter(a for row in rows.attributes for a in row).most_common(tags_per_facet)
    )
    subject = () if len(category) > 1 else _telling(rows.titles, own, tags_per_facet)
    word = _telling(rows.all, {*own, *category, *subject}, tags_per_facet)
    if len(subject) > 1 and len(word) < 2:  # titles alone: one list, dealt into two facets of like weight
        subject, word = (subject[::2], subject[1::2]) if len(subject) > 3 else ((), subject)
    facets = tuple(
        Facet(name=n, tags=t)
        for n, t in (("category", category), ("subject", subject), ("word", word))
        if len(t) > 1
    )
    facets, examples = _worked(items, noun, rows, facets, seed_examples)
    if not facets:
        raise ConfigError(
            "the catalogue has too few attributes and repeated words to propose a vocabulary; write "
            "one by hand"
        )
    return Vocabulary(name=f"{noun.lower()}s", version=1, noun=noun, facets=facets, examples=examples)


@dataclass(frozen=True)
class _Words:
    """What every item says, in forms that stand for their plurals."""

    titles: list[set[str]]
    all: list[set[str]]
    """Of title and text."""
    attributes: list[list[str]]

    @classmethod
    def of(cls, items: pl.DataFrame) -> "_Words":
        titles, texts = ([_cut(value) for value in items[name].to_list()] for name in ("title", "text"))
        attributes = [
            list(dict.fromkeys(one_line(a, 60).lower() for a in row or []))
            for row in items["attributes"].to_list()
        ]
        seen = Counter(word for pair in zip(titles, texts, strict=True) for word in pair[0] | pair[1])
        named = Counter(a for row in attributes for a in row)
        form = folded(seen + named)
        titles, texts = ([{form[word] for word in row} for row in side] for side in (titles, texts))
        return cls(
            titles,
            [title | text for title, text in zip(titles, texts, strict=True)],
            [list(dict.fromkeys(form[a] for a in row if a)) for row in attributes],
        )


def _cut(text: str | None) -> set[str]:
    return set(WORD.findall((text or "").lower().replace("\u2019", "'"))) - STOPWORDS


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


def _worked(
    items: pl.DataFrame, noun: str, rows: _Words, facets: tuple[Facet, ...], count: int
) -> tuple[tuple[Facet, ...], tuple[Example, ...]]:
    """Facets, and items whose own words answer every one of them. A facet that no item answers beside the
    others is left out."""
    while facets:
        answers = {n: tags for n in range(items.height) if (tags := _answered(rows, n, facets))}
        if answers:
            named = {
                n: sum(tag in rows.titles[n] or tag in rows.attributes[n] for tag in tags)
                for n, tags in answers.items()
            }
            order = sorted(answers, key=lambda n: (-named[n], n))
            fresh = list(_unlike(order, answers))
            chosen = (fresh + [n for n in order[:count] if n not in fresh])[:count]
            return facets, tuple(_example(items.row(n, named=True), noun, facets, answers[n]) for n in chosen)
        facets = facets[:-1]
    return (), ()


def _answered(rows: _Words, n: int, facets: tuple[Facet, ...]) -> list[str]:
    """The row's own tag of each facet: of its attributes, else of its title, else of its text; empty
    unless it has all."""
    tags = []
    for facet in facets:
        said = (set(rows.attributes[n]),) if facet.name == "category" else (rows.titles[n], rows.all[n])
        own = next((found for words in said if (found := [tag for tag in facet.tags if tag in words])), None)
        if own is None:
            return []
        tags.append(own[-1])  # the rarest says most
    return tags


def _unlike(order: list[int], answers: dict[int, list[str]]) -> Iterator[int]:
    """Rows none of whose tags an earlier chosen row has: a model copies what all its examples share."""
    used: set[str] = set()
    for row in order:
        if not used & set(answers[row]):
            used |= set(answers[row])
            yield row


def _example(item: dict[str, Any], noun: str, facets: tuple[Facet, ...], tags: list[str]) -> Example:
    title, text = one_line(item["title"], EXAMPLE_CHARS), one_line(item["text"] or "", EXAMPLE_TEXT)
    return Example(
        title=title,
        attributes=tuple(item["attributes"] or ()),
        text=text,
        tags={facet.name: tag for facet, tag in zip(facets, tags, strict=True)},
        summary=_summary(text, title, noun, tags),
    )


def _summary(text: str, title: str, noun: str, tags: list[str]) -> str:
    """The text's first whole sentence of a fit length, else one in our own words; never the title over
    again."""
    for sentence in re.findall(r"[^.!?]+[.!?](?=\s|$)", text):
        if 5 <= len(sentence.split()) <= 25 and title.lower() not in sentence.lower():
            return str(sentence).strip()
    article = "An" if noun[0].lower() in "aeiou" else "A"
    return f"{article} {noun.lower()} to do with {' and '.join(dict.fromkeys(tags))}."
