from pathlib import Path

import pytest

from nightshift.enrichments.group_facts.prompt import group_facts
from nightshift.enrichments.item_facts.settings import FactsSettings
from nightshift.errors import RejectedAnswer
from nightshift.models.llm.base import Request
from nightshift.models.llm.echo import EchoLLM
from nightshift.prompts.vocabulary import Vocabulary, load_vocabulary

MOVIES = load_vocabulary("movies", Path())
PROMPT = group_facts(FactsSettings(), MOVIES)
DRAMA = {"group": "Drama", "titles": ["Fargo (1996)", "Heat (1995)"]}


def test_a_group_is_its_name_and_some_titles_one_line_each() -> None:
    assert PROMPT.build(DRAMA) == "Kind of movie: Drama\nSuch as: Fargo (1996); Heat (1995)\nSummary:"
    assert PROMPT.build({"group": "A\nB", "titles": ["x" * 500]}).count("\n") == 2
    assert len(PROMPT.build({"group": "y" * 500, "titles": ["x" * 500] * 5})) < 7 * 100


def test_its_examples_are_worked_from_the_vocabularys_and_all_differ() -> None:
    blocks = PROMPT.instructions.strip().split("\n\n")
    assert (
        blocks[0]
        == "Kind of movie: Thriller\nSuch as: The Silence of the Lambs (1991)\nSummary: Tense movies "
        "about murder, mostly for adults."
    )
    answers = [block.splitlines()[-1] for block in blocks]
    assert len(set(answers)) == len(answers) == len(MOVIES.examples)


def test_a_vocabulary_of_one_facet_and_no_attributes_is_enough() -> None:
    raw = {"name": "x", "version": 1, "facets": [{"name": "kind", "tags": ["red", "green"]}]}
    one = Vocabulary.model_validate(
        raw | {"examples": [{"title": "Lamp", "tags": {"kind": "red"}, "summary": "A lamp."}]}
    )
    assert (
        group_facts(FactsSettings(), one).instructions
        == "Kind of item: red\nSuch as: Lamp\nSummary: Red items.\n\n"
    )


def test_what_it_answers_is_one_sentence_and_no_copy_of_an_example() -> None:
    assert (
        PROMPT.parse(" Slow stories of ordinary people.", "stop").summary
        == "Slow stories of ordinary people."
    )
    with pytest.raises(RejectedAnswer, match="copies an example"):
        PROMPT.parse(" Tense movies about murder, mostly for adults.", "stop")


def test_settings_of_the_item_sentence_shape_it_too_and_the_number_of_groups_does_not() -> None:
    assert group_facts(FactsSettings(min_group_items=2, max_groups=3), MOVIES).digest == PROMPT.digest
    assert group_facts(FactsSettings(max_new_tokens=32), MOVIES).digest != PROMPT.digest
    (answer,) = EchoLLM().answer([Request("k", PROMPT.instructions, PROMPT.build(DRAMA), PROMPT.decoding)])
    assert PROMPT.parse(answer.text, answer.finish_reason).summary == "Drama: Fargo (1996); Heat (1995)."
