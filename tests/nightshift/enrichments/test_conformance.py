"""Ours and declared ones keep the same promises."""

from pathlib import Path

import pytest

from nightshift.enrichments.conformance import EnrichmentConformance, load
from nightshift.enrichments.registry import built_in
from nightshift.errors import RejectedAnswer
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
