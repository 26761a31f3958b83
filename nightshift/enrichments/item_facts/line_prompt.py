"""Prompt `item_facts`: one sentence about an item, by few-shot completion.

The form follows what was measured to work best with a 135M model: plain completion after worked examples,
greedy, repetition penalty 1.15, stop at the newline. Asked for a line of tags as well, the same model
invents words outside the vocabulary for two items in three; the tags of `item_facts` are therefore chosen
(`item_tag_scores`), not written. Larger models that follow instructions are better asked in the JSON form
(`nightshift.enrichments.item_facts.json_prompt`).
"""

from nightshift.enrichments.item_facts.settings import FactsSettings
from nightshift.prompts.base import Prompt
from nightshift.prompts.item_text import ITEM_FIELDS, item_lines, item_row
from nightshift.prompts.one_sentence import LABEL, Facts, one_sentence, to_the_line_end
from nightshift.prompts.reask import before_the_label
from nightshift.prompts.vocabulary import Vocabulary

VERSION = 1


def facts_line(settings: FactsSettings, vocabulary: Vocabulary) -> Prompt[Facts]:
    """The completion form. Only the vocabulary's examples are part of it, not its tags."""
    return Prompt(
        name="item_facts",
        version=VERSION,
        row_key="item_id",
        fields=ITEM_FIELDS,
        instructions=_instructions(vocabulary),
        build=lambda row: f"{item_row(vocabulary.noun, row, settings.max_input_chars)}\n{LABEL}",
        parse=one_sentence(settings.max_summary_words, {example.summary for example in vocabulary.examples}),
        schema=Facts,
        decoding=to_the_line_end(settings.max_new_tokens, settings.repetition_penalty),
        again=before_the_label,
    )


def _instructions(vocabulary: Vocabulary) -> str:
    return "".join(
        f"{item_lines(vocabulary.noun, e.title, e.attributes, e.text, 400)}\n{LABEL} {e.summary}\n\n"
        for e in vocabulary.examples
    )
