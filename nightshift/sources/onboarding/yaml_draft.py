"""nightshift.yaml as `nightshift init` writes it: every value with its reason as a comment."""

import textwrap
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from nightshift.sources.onboarding.columns import words_of
from nightshift.sources.onboarding.draft import Draft
from nightshift.sources.onboarding.first_nights import Nights
from nightshift.sources.onboarding.guess import Guess
from nightshift.sources.onboarding.words import NOUNS
from nightshift.sources.settings import ItemsSource

ENDED = (
    "The data has ended, so nights do as well: `nightshift run` means this one. Leave it out for data "
    "that goes on."
)
WIDTH = 110
"""Longest comment line, in characters."""
MODELS = """
llm:
  # The small model that comes with Nightshift, on this machine's processors. Larger ones, GPUs, servers, batch files: docs/models.md
  model: smollm2-135m-instruct
encoder:
  # Reads English. Changing it embeds every text again.
  model: all-minilm-l6-v2
tags:
  # The closed list of tags that is scored for every item, proposed from the catalogue's own words. Read and edit it before the
  # first night: it is part of the prompt, and changing it later asks every item again. Anew, on the screen:
  #   nightshift vocabulary --noun {noun}
  vocabulary: vocabulary.yaml

# A night stops at the first limit it meets and still publishes; what was not afforded carries a fallback. `nightshift plan` says
# what a night would take. Without this block there is no limit.
# budget:
#   tokens: 2_000_000
#   usd: 5.0
#   minutes: 60
"""
ORDERED = """
examples:
  # There are no times: each user's last event is the test, the one before it validation.
  split: last
  candidates: {window_days: 10000}
"""


def as_yaml(draft: Draft, nights: Nights, today: date) -> str:
    """The whole file. Loads with `nightshift.night.config.load_settings`."""
    head = [
        f"# Written by `nightshift init` on {today}. Read it, change what is wrong; `nightshift "
        f"check` says what it comes to.",
        "# Every key and what it changes: docs/reference/settings.md",
        "sources:",
    ]
    blocks = [line for block in ("items", "interactions") for line in _block(block, draft)]
    ordered = draft.blocks()["interactions"].get("timestamp_unit") == "order"
    rest = MODELS.format(noun=noun_of(draft.sources().items)) + (ORDERED if ordered else "")
    return "\n".join([*head, *blocks, "", *_nights(nights)]) + "\n" + rest


def noun_of(items: ItemsSource) -> str:
    """What an item is called in a prompt: by its columns' names and the file's name, else `Item`."""
    words = words_of(f"{items.item_id} {items.title or ''} {' '.join(Path(items.path).parts[-2:])}")
    return next(
        (NOUNS[stem] for word in words for stem in (word, word.removesuffix("s")) if stem in NOUNS), "Item"
    )


def _block(block: str, draft: Draft) -> Iterator[str]:
    yield f"  {block}:"
    for guess in draft.told:
        if guess.setting.startswith(f"{block}."):
            yield from _setting(guess)


def _setting(guess: Guess) -> Iterator[str]:
    name = guess.setting.partition(".")[2]
    if guess.value is None:
        yield from _comment(f"{name}: {guess.why}", 4)
        return
    others = [choice for choice in guess.choices if choice != guess.value]
    also = f" (others: {', '.join(others)})" if others and isinstance(guess.value, str) else ""
    yield from _comment(guess.why + also, 4)
    yield f"    {name}: {scalar(guess.value)}"


def _comment(words: str, indent: int) -> list[str]:
    """The words as comment lines; whatever a column holds, it stays a comment."""
    flat = " ".join("".join(char if char.isprintable() else " " for char in words).split())
    return [f"{' ' * indent}# {line}" for line in textwrap.wrap(flat, WIDTH - indent, break_on_hyphens=False)]


def scalar(value: Any) -> str:
    """A value as YAML writes it on one line, quoted where it must be."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.removesuffix("...\n").strip()


def _nights(nights: Nights) -> Iterator[str]:
    yield "nights:"
    yield from _comment(" ".join(nights.why), 2)
    yield f"  first: {nights.first}"
    if nights.ended:
        yield from _comment(ENDED, 2)
        yield f"  last: {nights.newest}"
