"""Prompt `item_facts`: one sentence about an item, by few-shot completion.

The form follows what was measured to work best with a 135M model: plain completion after worked examples,
greedy, repetition penalty 1.15, stop at the newline. Asked for a line of tags as well, the same model
invents words outside the vocabulary for two items in three; the tags of `item_facts` are therefore chosen
(`item_tag_scores`), not written. Larger models that follow instructions are better asked in the JSON form
(`nightshift.enrichments.item_facts.json_prompt`).
"""

import re
from collections.abc import Callable, Collection
from typing import Any, Literal

from pydantic import BaseModel, Field

from nightshift.enrichments.item_facts.json_prompt import facts_json
from nightshift.errors import RejectedAnswer
from nightshift.models.llm.base import Decoding, FinishReason
from nightshift.prompts.base import Prompt
from nightshift.prompts.item_text import ITEM_FIELDS, item_lines, item_row, one_line
from nightshift.prompts.parsing import accept, sentence, shown
from nightshift.prompts.reask import before_the_label
from nightshift.prompts.vocabulary import Example, Vocabulary

VERSION = 1
LABEL = "Summary:"
_YEAR = re.compile(r"\s*\(\d{4}\)\s*$")
_ARTICLE = re.compile(r"(.+), (The|A|An|Le|La|Les|L'|Il|Lo|El|Los|Las|Der|Die|Das|Den|Det|De|Het)")
"""`Lion King, The`: how catalogues sort."""


class FactsSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """How item facts are written."""

    form: Literal["line", "json"] = "line"
    """`line`: worked examples and one line to complete, for small models; tags come from the scores.
    `json`: instructions and one object with a sentence and a tag a facet, for models that follow
    instructions; tags come from the answer, which needs no scores. Another form is another prompt: every
    item is asked again."""
    tags_per_facet: int = Field(1, ge=0)
    """Tags taken from each facet of the vocabulary, the strongest first, where tags come from scores. Asks
    nothing again."""
    max_summary_words: int = Field(40, ge=5)
    """Longest summary accepted, in words. Not part of the prompt: changing it re-reads stored answers for
    free."""
    max_summary_chars: int = Field(200, ge=40)
    """Longest summary of the form `json`, in characters: part of its schema, and of its token limit. Not
    read by `line`."""
    opening: str = Field("", pattern=r"^(?:[^\n{}]*\{title\}[^\n{}]*)?$")
    """How the sentence begins in the form `line`, `{title}` for the item's title without its year: `In
    {title},` lets a small model go on about this item instead of its genre. The worked examples begin so
    too; the summary is what follows. Part of the prompt: changing it asks every item again. Empty: the
    sentence begins with the model's first word."""
    max_input_chars: int = Field(400, ge=40)
    """Longest title or description given to the model, in characters. Part of the prompt: changing it asks
    longer items again."""
    max_new_tokens: int = Field(48, ge=16)
    """Longest answer of the form `line` in tokens. Part of the content key: changing it asks every item
    again."""
    repetition_penalty: float = Field(1.15, ge=1.0)
    """Keeps a small model from stuttering in the form `line`; in `json` it would punish quotes and tags,
    and is not used. Part of the content key."""
    min_group_items: int = Field(5, ge=1)
    """Items that must share an attribute to make it a group of `group_facts`. Asks only about groups that
    come or go."""
    max_groups: int = Field(64, ge=0)
    """Most groups of `group_facts`, those with the most items; 0: no sentence a group. Asks only about
    groups that come or go."""


class Facts(BaseModel, extra="forbid", frozen=True):
    """What an answer says about an item."""

    summary: str


def item_facts(settings: FactsSettings, vocabulary: Vocabulary) -> Prompt[Any]:
    """The prompt with its settings applied, in the form they ask for."""
    return facts_json(settings, vocabulary) if settings.form == "json" else facts_line(settings, vocabulary)


def facts_line(settings: FactsSettings, vocabulary: Vocabulary) -> Prompt[Facts]:
    """The completion form. Only the vocabulary's examples are part of it, not its tags."""
    summaries = [example.summary for example in vocabulary.examples]
    examples = {*summaries, *(f"{said[:1].lower()}{said[1:]}" for said in summaries)}
    read = one_sentence(settings, examples, vocabulary.noun)
    return Prompt(
        name="item_facts",
        version=VERSION,
        row_key="item_id",
        fields=ITEM_FIELDS,
        instructions=_instructions(vocabulary, settings.opening),
        build=lambda row: (
            f"{item_row(vocabulary.noun, row, settings.max_input_chars)}\n{_label(settings, row['title'])}"
        ),
        parse=_gone_on(read) if settings.opening else read,
        schema=Facts,
        decoding=to_the_line_end(settings),
        again=before_the_label,
    )


def _label(settings: FactsSettings, title: str) -> str:
    return f"{LABEL} {_opened(settings.opening, one_line(title, settings.max_input_chars))}".rstrip()


def _opened(opening: str, title: str) -> str:
    return opening.replace("{title}", spoken_title(title))


def spoken_title(title: str) -> str:
    """A title as a sentence has it: without the year behind it, its article in front.

    >>> spoken_title("Lion King, The (1994)"), spoken_title("Postino, Il"), spoken_title("Heat")
    ('The Lion King', 'Il Postino', 'Heat')
    """
    name = _YEAR.sub("", title)
    found = _ARTICLE.fullmatch(name)
    return f"{found[2]} {found[1]}" if found else name


def _gone_on(parse: Callable[[str, FinishReason], Facts]) -> Callable[[str, FinishReason], Facts]:
    """Reads what follows an opening as a sentence of its own: it begins with a capital letter."""

    def read(answer: str, finish: FinishReason) -> Facts:
        said = parse(answer.lstrip(" ,"), finish).summary
        return Facts(summary=said[:1].upper() + said[1:])

    return read


def one_sentence(
    settings: FactsSettings, examples: Collection[str], noun: str | None = None
) -> Callable[[str, FinishReason], Facts]:
    """Reads an answer that goes on where the prompt left a line open.

    Refuses copies of an example's sentence, and a line that begins the next item (`Movie: ...`) instead of
    this one's sentence.
    """
    others = tuple(f"{name}:".casefold() for name in (noun, f"Kind of {noun}", "About") if noun)

    def read(answer: str, finish: FinishReason) -> Facts:
        text = accept(answer, finish, (LABEL,))
        if others and text.casefold().startswith(others):
            raise RejectedAnswer("schema", f"begins another item: {shown(text)}")
        return Facts(summary=sentence(text, settings.max_summary_words, examples))

    return read


def to_the_line_end(settings: FactsSettings) -> Decoding:
    """How such a line is written."""
    return Decoding(
        max_new_tokens=settings.max_new_tokens, repetition_penalty=settings.repetition_penalty, stop=("\n",)
    )


def _instructions(vocabulary: Vocabulary, opening: str) -> str:
    return "".join(
        f"{item_lines(vocabulary.noun, e.title, e.attributes, e.text, 400)}\n{LABEL} "
        f"{_example(opening, e)}\n\n"
        for e in vocabulary.examples
    )


def _example(opening: str, example: Example) -> str:
    said = example.summary
    return f"{_opened(opening, example.title)} {said[:1].lower()}{said[1:]}" if opening else said
