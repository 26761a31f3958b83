"""A re-ask says what was wrong, in words that follow from the reason alone."""

from pathlib import Path
from typing import Any, get_args

import pytest

from nightshift.enrichments.item_facts.enrichment import item_facts
from nightshift.enrichments.item_facts.settings import FactsSettings
from nightshift.enrichments.user_preferences.enrichment import user_preferences
from nightshift.enrichments.user_preferences.line_prompt import OPENING
from nightshift.enrichments.user_preferences.settings import PreferencesSettings
from nightshift.errors import RejectReason
from nightshift.prompts.one_sentence import LABEL
from nightshift.prompts.reask import HINTS
from nightshift.prompts.vocabulary import load_vocabulary

MOVIES = load_vocabulary("movies", Path())
ITEM = {"title": "Fargo (1996)", "text": "Snow.", "attributes": ["Crime"]}
USER = {"liked": ["Fargo [dark]"], "disliked": []}
NO_ANSWER = {"server", "waiting"}
REASONS = [reason for reason in get_args(RejectReason) if reason not in NO_ANSWER]


def prompts(form: Any) -> list[tuple[Any, dict[str, Any]]]:
    return [
        (item_facts(FactsSettings(form=form), MOVIES), ITEM),
        (user_preferences(PreferencesSettings(form=form), MOVIES), USER),
    ]


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_of_a_model_has_its_words(reason: str) -> None:
    for form in ("line", "json"):
        for prompt, row in prompts(form):
            text = prompt.build(row)
            again = prompt.again(text, reason)
            assert HINTS[reason] in again
            assert len(again.splitlines()) == len(text.splitlines()) + 1
            assert again == prompt.again(text, reason)


@pytest.mark.parametrize("reason", ["server", "something new"])
def test_where_nothing_can_be_said_the_text_stays(reason: str) -> None:
    for form in ("line", "json"):
        for prompt, row in prompts(form):
            assert prompt.again(prompt.build(row), reason) == prompt.build(row)


def test_a_line_is_still_completed_at_its_label() -> None:
    (facts, _), (users, _) = prompts("line")
    assert facts.again(facts.build(ITEM), "empty").endswith(f"\n{LABEL}")
    assert users.again(users.build(USER), "empty").endswith(f"\n{OPENING}")


def test_the_hint_stands_outside_the_delimited_data() -> None:
    (facts, _), _ = prompts("json")
    assert facts.again(facts.build(ITEM), "not_json").startswith(facts.build(ITEM))


def test_a_hint_is_one_plain_line() -> None:
    assert all(hint == hint.strip() and "\n" not in hint and "<" not in hint for hint in HINTS.values())
