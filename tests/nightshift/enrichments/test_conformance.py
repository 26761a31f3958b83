"""Ours and declared ones keep the same promises."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nightshift.enrichments.base import Asked, Enrichment
from nightshift.enrichments.conformance import EnrichmentConformance, load
from nightshift.enrichments.registry import built_in
from nightshift.errors import ConfigError, RejectedAnswer
from tests.nightshift.enrichments.examples import EVENTS, LENGTH, LIKED, PAIRED

FILES = Path(__file__).parent / "files"


class TestGroupFacts(EnrichmentConformance):
    enrichment = built_in()["group_facts"]


class TestItemTagScores(EnrichmentConformance):
    enrichment = built_in()["item_tag_scores"]


class TestItemFacts(EnrichmentConformance):
    enrichment = built_in()["item_facts"]


class TestUserPreferences(EnrichmentConformance):
    enrichment = built_in()["user_preferences"]


class TestOccasion(EnrichmentConformance):
    enrichment = load(FILES / "occasion.yaml")


class TestReason(EnrichmentConformance):
    enrichment = load(FILES / "reason.yaml")


class TestShopper(EnrichmentConformance):
    enrichment = load(FILES / "shopper.yaml")


class TestFit(EnrichmentConformance):
    enrichment = load(FILES / "fit.yaml")


class TestSlogan(EnrichmentConformance):
    enrichment = load(FILES / "slogan.yaml")


class TestTitleCompletion(EnrichmentConformance):
    enrichment = built_in()["title_completion"]

    def test_parsing_never_returns_a_value_for_a_refusal(self) -> None:
        """Nothing is an answer too: the title is not known."""
        for _, prompt in self.prompts():
            assert prompt.parse(" \n", "stop").completion == ""
            with pytest.raises(RejectedAnswer):
                prompt.parse("I'm sorry, as an AI language model I cannot help with that.", "stop")

    def test_an_answer_that_was_cut_is_no_value(self) -> None:
        """It is one here: what counts is how it begins."""
        for _, prompt in self.prompts():
            assert prompt.parse("Road Home and then", "length").completion == "Road Home and then"


class TestComputed(EnrichmentConformance):
    enrichment = LENGTH


class TestFitted(EnrichmentConformance):
    enrichment = LIKED


class TestPairs(EnrichmentConformance):
    enrichment = PAIRED


class TestEvents(EnrichmentConformance):
    enrichment = EVENTS


def careless(build: Callable[[Mapping[str, Any]], str], *fields: str) -> Enrichment[Any]:
    """A declaration in Python whose prompt does what no file can."""
    ours = load(FILES / "slogan.yaml")
    assert isinstance(ours.maker, Asked)
    made = ours.maker.prompt
    shows = fields or ("title",)
    asked = Asked(lambda settings, words: replace(made(settings, words), build=build, fields=shows))
    return replace(ours, maker=asked, place="mine.py")


@pytest.mark.parametrize(
    ("bad", "promise"),
    [
        (careless(lambda row: row["title"]), "test_hostile_text_stays_in_its_field"),
        (careless(lambda row: row["title"]), "test_only_columns_of_the_allow_list_reach_a_prompt"),
        (
            careless(lambda row: row["item_id"], "item_id"),
            "test_only_columns_of_the_allow_list_reach_a_prompt",
        ),
    ],
)
def test_a_careless_declaration_breaks_its_promise(bad: Enrichment[Any], promise: str) -> None:
    suite = type("TestBad", (EnrichmentConformance,), {"enrichment": bad})()
    with pytest.raises((AssertionError, ConfigError)):  # the engine itself refuses a field of nobody's
        getattr(suite, promise)()
