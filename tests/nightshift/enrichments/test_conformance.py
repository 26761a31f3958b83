"""Ours and declared ones keep the same promises."""

from pathlib import Path

from nightshift.enrichments.conformance import EnrichmentConformance, load
from nightshift.enrichments.registry import built_in

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
