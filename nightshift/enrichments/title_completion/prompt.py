"""Prompt `title_completion`: the beginning of a title, after three whole ones of the same catalogue.

A row carries the worked titles as well: they are the catalogue's own, so that only the titles, not the task,
are unknown.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from pydantic import BaseModel

from nightshift.lift.settings import LiftSettings
from nightshift.models.llm.base import Decoding, FinishReason, ModelIdentity
from nightshift.prompts.base import Prompt
from nightshift.prompts.item_text import one_line
from nightshift.prompts.parsing import accept
from nightshift.prompts.vocabulary import Vocabulary
from nightshift.storage.content_key import content_key

VERSION = 1
KEY = "memorization"
"""Head of the content keys, from the time when no table was made of the answers: what was paid stays paid."""
DECODING = Decoding(max_new_tokens=16, stop=("\n",))
LEAST_WORDS = 4
MAX_CHARS = 300
"""Longest title looked at."""
EXAMPLES = 3
BREAK = "\n\n"
"""Between two titles of a prompt; no title holds one."""
_ASIDE = re.compile(r"\s*[(\[].*$")


class Completion(BaseModel, extra="forbid", frozen=True):
    """What the model went on with."""

    completion: str


@dataclass(frozen=True)
class Halves:
    """A title as it is asked."""

    item_id: str
    beginning: str
    end: str

    @property
    def whole(self) -> str:
        """Both together."""
        return f"{self.beginning} {self.end}"


def halves(items: pl.DataFrame) -> list[Halves]:
    """Titles of four words or more, years and other asides dropped, cut in the middle; in an order that is
    random but always the same.

    Titles are untrusted: each is one masked line, as in every other prompt.
    """
    found = []
    for item_id, title in items.select("item_id", "title").iter_rows():
        known = _ASIDE.sub("", one_line(title, MAX_CHARS))
        if len(known.split()) >= LEAST_WORDS:
            found.append(Halves(item_id, *_cut(known)))
    return sorted(found, key=lambda each: content_key(KEY, each.item_id))


def _cut(title: str) -> tuple[str, str]:
    words = title.split()
    middle = len(words) // 2
    return " ".join(words[:middle]), " ".join(words[middle:])


def worked(titles: Sequence[str]) -> str:
    """Whole titles from the same catalogue, cut and put together again."""
    halved = [_cut(one_line(title, MAX_CHARS)) for title in titles]
    shown = "".join(f"{_asked(beginning)} {end}{BREAK}" for beginning, end in halved)
    return f"Titles from a catalogue, cut in half and put together again.{BREAK}{shown}"


def _asked(beginning: str) -> str:
    return f"Beginning: {beginning}\nEnd:"


@dataclass(frozen=True)
class TitlePrompt(Prompt[Completion]):
    """A prompt whose keys are older than its table."""

    def key(self, identity: ModelIdentity, text: str, questions: str | None = None) -> str:
        """Content key of the worked titles and the one that is asked."""
        shown, _, asked = text.rpartition(BREAK)
        said = (DECODING.model_dump_json(), shown + BREAK, asked)
        return content_key(KEY, identity.model_id, identity.arithmetic, *said)


def title_completion(settings: LiftSettings, vocabulary: Vocabulary) -> TitlePrompt:
    """The prompt. Of a row it reads the beginning (as `title`) and the worked titles (as `attributes`)."""
    return TitlePrompt(
        name="title_completion",
        version=VERSION,
        row_key="item_id",
        fields=("title", "attributes"),
        instructions="",
        build=lambda row: worked(row["attributes"] or ()) + _asked(one_line(row["title"], MAX_CHARS)),
        parse=_parse,
        schema=Completion,
        decoding=DECODING,
    )


def _parse(answer: str, finish: FinishReason) -> Completion:
    """Whatever was said, or nothing: a title that is not known is no fault, and one that was cut may be
    begun."""
    said = answer.strip()
    return Completion(completion=accept(said, "refusal" if finish == "refusal" else "stop") if said else "")
