"""Whether the language model can recite the catalogue: titles are cut in half, and it is asked for the rest.

Large models know famous catalogues by heart (Di Palma et al., Do LLMs Memorize Recommendation Datasets? A
Preliminary Study on MovieLens-1M, SIGIR 2025): what they gain there may be memory of reviews, not reading
of text, and new items will not profit. The share is printed beside the lift; it is a lower bound, for one
wording. Some ends can be guessed without memory, so the number means most beside that of another catalogue
or model.

Answers go through the ledger and are asked once a model and title, whatever the night's budget says:
`lift.probe_titles` is the limit. What they cost counts as spent.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from nightshift.lift.quality import words_of
from nightshift.models.llm.base import Answer, Decoding, Request
from nightshift.night.night import Night
from nightshift.prompts.item_text import one_line
from nightshift.storage.content_key import content_key
from nightshift.storage.ledger import ANSWERS

TABLE = "memorization"
"""Name of the answers in the ledger."""
DECODING = Decoding(max_new_tokens=16, stop=("\n",))
LEAST_WORDS = 4
MAX_CHARS = 300
"""Longest title looked at."""
EXAMPLES = 3
_ASIDE = re.compile(r"\s*[(\[].*$")


@dataclass(frozen=True)
class Halves:
    """A title as it is asked."""

    item_id: str
    beginning: str
    end: str


@dataclass(frozen=True)
class Memory:
    """What the model could complete."""

    titles: int
    completed: float
    """Share of titles whose whole end was given."""
    begun: float
    """Share whose end's first word was right."""


def halves(items: pl.DataFrame) -> list[Halves]:
    """Titles of four words or more, years and other asides dropped, cut in the middle; in an order that is
    random but always the same.

    Titles are untrusted: each is one masked line, as in every other prompt.
    """
    found = []
    for item_id, title in items.select("item_id", "title").iter_rows():
        words = _ASIDE.sub("", one_line(title, MAX_CHARS)).split()
        if len(words) >= LEAST_WORDS:
            found.append(
                Halves(item_id, " ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :]))
            )
    return sorted(found, key=lambda each: content_key(TABLE, each.item_id))


def instructions(examples: list[Halves]) -> str:
    """Worked examples from the same catalogue, so that only the titles, not the task, are unknown."""
    shown = "".join(f"{_asked(each)} {each.end}\n\n" for each in examples)
    return f"Titles from a catalogue, cut in half and put together again.\n\n{shown}"


def _asked(each: Halves) -> str:
    return f"Beginning: {each.beginning}\nEnd:"


def judged(asked: list[Halves], answers: dict[str, str]) -> Memory | None:
    """Compare word by word, without case and punctuation; None when nothing was answered."""
    pairs = [
        (words_of(each.end), words_of(answers[each.item_id])) for each in asked if each.item_id in answers
    ]
    if not pairs:
        return None
    whole = sum(said[: len(end)] == end for end, said in pairs)
    first = sum(said[:1] == end[:1] for end, said in pairs)
    return Memory(len(pairs), whole / len(pairs), first / len(pairs))


def probe(night: Night, items: pl.DataFrame, titles: int) -> Memory | None:
    """Ask for the ends of at most `titles` titles, those that the ledger does not know. None for no
    titles, and for recorded answers."""
    cut = halves(items)
    asked, shared = cut[EXAMPLES : EXAMPLES + titles], instructions(cut[:EXAMPLES])
    if not titles or not asked or night.settings.llm.is_recorded:
        return None
    keys = {each.item_id: _key(night, shared, each) for each in asked}
    known = set(night.ledgers.answers.lookup(list(keys.values()), ["content_key"])["content_key"])
    missing = [each for each in asked if keys[each.item_id] not in known]
    if missing:
        _ask(night, shared, {keys[each.item_id]: each for each in missing})
    found = dict(night.ledgers.answers.lookup(list(keys.values()), ["content_key", "text"]).iter_rows())
    return judged(asked, {item: found[key] for item, key in keys.items() if key in found})


def _key(night: Night, shared: str, each: Halves) -> str:
    identity = night.identity
    return content_key(
        TABLE, identity.model_id, identity.arithmetic, DECODING.model_dump_json(), shared, _asked(each)
    )


def _ask(night: Night, shared: str, missing: dict[str, Halves]) -> None:
    from nightshift.models.llm import build_llm

    llm = build_llm(night.settings.llm, night.settings.cache_folder, night.settings.home_folder)
    answers = llm.answer([Request(key, shared, _asked(each), DECODING) for key, each in missing.items()])
    rows = [
        _row(night, missing[answer.key], answer)
        for answer in answers
        if answer.finish_reason in ("stop", "length")
    ]
    night.ledgers.answers.append(pl.DataFrame(rows, schema=ANSWERS), night.run_id)


def _row(night: Night, each: Halves, answer: Answer) -> dict[str, object]:
    spent = {
        name: getattr(answer, name) for name in ("prompt_tokens", "cached_tokens", "new_tokens", "seconds")
    }
    return spent | {
        "content_key": answer.key,
        "table": TABLE,
        "as_of": night.as_of,
        "run_id": night.run_id,
        "model_id": night.identity.model_id,
        "created_at": datetime.now(UTC),
        "prompt_id": f"{TABLE}/v1",
        "row_id": each.item_id,
        "text_key": content_key(TABLE, each.beginning),
        "text": answer.text,
        "finish_reason": answer.finish_reason,
        "scores": None,
        "choices": None,
        "cost_usd": night.settings.llm.cost(answer.prompt_tokens, answer.new_tokens, answer.cached_tokens),
    }
