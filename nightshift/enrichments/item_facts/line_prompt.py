"""Prompt `item_facts`: one sentence about an item, by few-shot completion.

The form follows what was measured to work best with a 135M model: plain completion after worked examples,
greedy, repetition penalty 1.15, stop at the newline. Asked for a line of tags as well, the same model
invents words outside the vocabulary for two items in three; the tags of `item_facts` are therefore chosen
(`item_tag_scores`), not written. Larger models that follow instructions are better asked in the JSON form
(`nightshift.enrichments.item_facts.json_prompt`).
"""

import re
from collections.abc import Callable

from nightshift.enrichments.item_facts.settings import FactsSettings
from nightshift.models.llm.base import FinishReason
from nightshift.prompts.base import Prompt
from nightshift.prompts.item_text import ITEM_FIELDS, item_lines, item_row, one_line
from nightshift.prompts.one_sentence import LABEL, Facts, one_sentence, to_the_line_end
from nightshift.prompts.reask import before_the_label
from nightshift.prompts.vocabulary import Example, Vocabulary

VERSION = 1
_YEAR = re.compile(r"\s*\(\d{4}\)\s*$")
_ARTICLE = re.compile(r"(.+), (The|A|An|Le|La|Les|L'|Il|Lo|El|Los|Las|Der|Die|Das|Den|Det|De|Het)")
"""`Lion King, The`: how catalogues sort."""


def facts_line(settings: FactsSettings, vocabulary: Vocabulary) -> Prompt[Facts]:
    """The completion form. Only the vocabulary's examples are part of it, not its tags."""
    summaries = [example.summary for example in vocabulary.examples]
    examples = {*summaries, *(f"{said[:1].lower()}{said[1:]}" for said in summaries)}
    read = one_sentence(settings.max_summary_words, examples, vocabulary.noun)
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
        decoding=to_the_line_end(settings.max_new_tokens, settings.repetition_penalty),
        again=before_the_label,
        max_equal=settings.max_equal_sentences,
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


def _instructions(vocabulary: Vocabulary, opening: str) -> str:
    return "".join(
        f"{item_lines(vocabulary.noun, e.title, e.attributes, e.text, 400)}\n{LABEL} "
        f"{_example(opening, e)}\n\n"
        for e in vocabulary.examples
    )


def _example(opening: str, example: Example) -> str:
    said = example.summary
    return f"{_opened(opening, example.title)} {said[:1].lower()}{said[1:]}" if opening else said
