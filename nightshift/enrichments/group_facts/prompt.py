"""Prompt `group_facts`: one sentence about a group of items, by few-shot completion, as `item_facts` asks
for one item.

A sentence a group is the cheapest text there is: some dozens of calls say something about every item of
the catalogue, the new ones included (category descriptions in ONCE, Liu et al., WSDM 2024). It stands in
where an item has none of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from nightshift.enrichments.item_facts.settings import FactsSettings
from nightshift.prompts.base import Prompt
from nightshift.prompts.item_text import one_line
from nightshift.prompts.one_sentence import LABEL, Facts, one_sentence, to_the_line_end
from nightshift.prompts.reask import before_the_label
from nightshift.prompts.vocabulary import Example, Vocabulary

VERSION = 1
GROUP_FIELDS = ("group", "titles")
"""What the prompt may read: the attribute that makes the group, and titles of some of its items."""
TITLE_CHARS = 80
"""Longest group name or title given to the model, in characters."""
EXAMPLES = 4
"""Worked groups, at most."""


def group_facts(settings: FactsSettings, vocabulary: Vocabulary) -> Prompt[Facts]:
    """The prompt with its settings applied: those of `item_facts`, its examples made of the vocabulary's."""
    worked = list(_worked_groups(vocabulary.examples).items())[:EXAMPLES]
    copied = {_said(vocabulary, group, examples) for group, examples in worked}
    return Prompt(
        name="group_facts",
        version=VERSION,
        row_key="group",
        fields=GROUP_FIELDS,
        instructions="".join(_worked(vocabulary, group, examples) for group, examples in worked),
        build=lambda row: _row(vocabulary.noun, row),
        parse=one_sentence(settings.max_summary_words, copied, vocabulary.noun),
        schema=Facts,
        decoding=to_the_line_end(settings.max_new_tokens, settings.repetition_penalty),
        again=before_the_label,
    )


def _row(noun: str, row: Mapping[str, Any]) -> str:
    return _lines(noun, row["group"], row["titles"])


def _lines(noun: str, group: str, titles: Sequence[str]) -> str:
    shown = "; ".join(one_line(title, TITLE_CHARS) for title in titles)
    return f"Kind of {noun.lower()}: {one_line(group, TITLE_CHARS)}\nSuch as: {shown}\n{LABEL}"


def _worked_groups(examples: Sequence[Example]) -> dict[str, list[Example]]:
    """The examples by their first attribute, or their first tag where they have none: no two groups share
    an answer to copy."""
    found: dict[str, list[Example]] = {}
    for example in examples:
        group = next(iter(example.attributes or tuple(example.tags.values())))
        found.setdefault(group, []).append(example)
    return found


def _worked(vocabulary: Vocabulary, group: str, examples: Sequence[Example]) -> str:
    return (
        f"{_lines(vocabulary.noun, group, [e.title for e in examples])} "
        f"{_said(vocabulary, group, examples)}\n\n"
    )


def _said(vocabulary: Vocabulary, group: str, examples: Sequence[Example]) -> str:
    """`Tense stories of murder, mostly for adults.`: made of the tags, so that a new domain needs no
    second set of examples."""
    firsts, *others = ([e.tags[facet.name] for e in examples] for facet in vocabulary.facets)
    rest = [" and ".join(dict.fromkeys(tags)) for tags in others[:2]]
    about = f" about {rest[0]}" if rest else ""
    people = f", mostly for {rest[1]}" if len(rest) > 1 and vocabulary.facets[2].name == "audience" else ""
    return f"{' or '.join(dict.fromkeys(firsts)).capitalize()} {vocabulary.noun.lower()}s{about}{people}."
