"""What the sentences are like, in numbers: grounded in their source or not, all alike or not, refused or not.

Grounding is the share of a sentence's content words that its source (title, attributes, text) has, letter
by letter: what is not in the source the model knew or made up, and from one text alone nobody can tell
which. A low share is no fault by itself (a model that only repeats adds nothing); it is a slice of the
lift, so that one sees which of the two the ranker likes.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass

import polars as pl

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+(?:[.,]\d+)*")
STOP = frozenset(
    "a about after all also an and any are as at be been before being both but by can for from had "
    "has have he her him his "
    "how i in into is it its just like made make may more most no not of off on one only or other our "
    "out over she so some "
    "such than that the their them then there these they this those through to too under up was we "
    "were what when where which "
    "while who will with would you your ".split()
)
"""English words that carry no content."""


@dataclass(frozen=True)
class Quality:
    """Numbers of one night's sentences and tags; shares lie between 0 and 1, NaN where there is nothing to
    count."""

    sentences: int
    """Sentences that a model wrote for the items."""
    grounded: float
    """Mean share of content words found in the source."""
    numbers: int
    """Numbers in the sentences."""
    numbers_grounded: float
    """Share of those numbers found in the source."""
    unique: float
    """Distinct sentences by all sentences (USR)."""
    words: float
    """Mean words of a sentence."""
    commonest_opening: float
    """Share of sentences that begin with the commonest three words."""
    tag_entropy: float
    """Entropy of the tags by the entropy of equally frequent ones: 1 even, 0 one tag for all."""
    refused: int
    rejected: int
    """Answers about items that were not accepted, refusals among them."""


def words_of(text: str) -> list[str]:
    """Words and numbers, in small letters."""
    return WORD.findall(text.lower())


def content_words(text: str) -> list[str]:
    """Words of two letters or more that are no function words, and numbers."""
    return [
        word
        for word in words_of(text)
        if re.split("['’]", word)[0] not in STOP and (len(word) > 1 or word.isdigit())
    ]


def grounding(sentence: str, source: str) -> float:
    """Share of the sentence's content words that its source has; NaN for a sentence without any."""
    said, known = content_words(sentence), set(words_of(source))
    return sum(word in known for word in said) / len(said) if said else math.nan


def source_text(items: pl.DataFrame) -> pl.DataFrame:
    """`item_id, source`: what a prompt may read of each item."""
    attributes = pl.col("attributes").list.join(", ").fill_null("")
    return items.select(
        "item_id",
        source=pl.concat_str(
            ["title", attributes, pl.col("text").fill_null("")], separator=" "
        ).str.strip_chars(),
    )


def grounded_items(items: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """`item_id, summary, source, grounding` of the items that a model wrote about."""
    rows = (
        facts.filter(pl.col("origin").is_in(["llm", "carried"]))
        .select("item_id", "summary")
        .join(source_text(items), on="item_id")
    )
    found = [grounding(said, source) for said, source in rows.select("summary", "source").iter_rows()]
    return rows.with_columns(grounding=pl.Series(found, dtype=pl.Float64).fill_nan(None))


def quality(items: pl.DataFrame, facts: pl.DataFrame, rejects: pl.DataFrame) -> Quality:
    """Numbers of the night's `item_facts`; `rejects` are the rejected answers of the ledger."""
    rows = grounded_items(items, facts)
    said, sources = rows["summary"].to_list(), rows["source"].to_list()
    numbers = [
        (n, set(words_of(source)))
        for text, source in zip(said, sources, strict=True)
        for n in words_of(text)
        if n[0].isdigit()
    ]
    openings = Counter(tuple(words_of(text)[:3]) for text in said)
    tags = (
        facts.filter(pl.col("origin") != "template")["tags"]
        .explode()
        .drop_nulls()
        .value_counts()["count"]
        .to_list()
    )
    ours = rejects.filter(pl.col("table") == "item_facts")
    return Quality(
        sentences=len(said),
        grounded=_mean([value for value in rows["grounding"].to_list() if value is not None]),
        numbers=len(numbers),
        numbers_grounded=_mean([float(number in known) for number, known in numbers]),
        unique=len(set(said)) / len(said) if said else math.nan,
        words=_mean([float(len(text.split())) for text in said]),
        commonest_opening=max(openings.values()) / len(said) if said else math.nan,
        tag_entropy=_evenness(tags),
        refused=ours.filter(pl.col("reason") == "refusal").height,
        rejected=ours.height,
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _evenness(counts: list[int]) -> float:
    if len(counts) < 2:
        return math.nan
    total = sum(counts)
    return -sum(count / total * math.log(count / total) for count in counts) / math.log(len(counts))
