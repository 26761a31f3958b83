"""What one run may be given instead of nightshift.yaml."""

from typing import Any

import pytest

from nightshift.errors import ConfigError
from nightshift.night.config import Settings
from nightshift.night.overrides import BLOCKS, FIXED, overridden
from tests.shop import Shop


def test_what_is_given_counts_and_the_rest_of_its_block_stays(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_BUDGET__MINUTES", "3")
    settings = shop.write(budget={"tokens": 10, "usd": 2, "tables": {"item_facts": 5, "group_facts": 6}})
    given = {"budget": {"tokens": 900, "usd": None, "minutes": 4.5, "tables": {"item_facts": 7}}}
    changed = overridden(settings, given)
    assert changed.budget.model_dump() == {
        "tokens": 900,
        "usd": None,
        "minutes": 4.5,
        "tables": {"item_facts": 7, "group_facts": 6},
    }
    assert settings.budget.minutes == 3, "the environment"
    assert changed.model_copy(update={"budget": settings.budget}) == settings
    assert overridden(settings, {}) == settings


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"budget": {"tokns": 5}}, r"budget: unknown key 'tokns'; did you mean 'tokens'\?"),
        ({"bugdet": {"tokens": 5}}, r"unknown key 'bugdet'; did you mean 'budget'\?"),
        (
            {"budget": {"tokens": -5}},
            r"run's configuration: budget\.tokens: .*greater than or equal to 0 \(given: '-5'\)",
        ),
        ({"budget": 5}, r"budget: .*\(given: '5'\)"),
        ({"beam": {"runner": "PortableRunner"}}, r"PortableRunner needs beam\.address"),
        (
            {"sources": {"items": {"path": "other.csv"}}},
            r"sources cannot be given for one run: .*what the tables hold.*Change it in night",
        ),
        ({"home": "/elsewhere"}, r"home cannot be given for one run: .*where they lie"),
        ({"llm": {"model": "smollm2-360m-instruct"}}, r"llm\.model cannot be given"),
        (
            {"llm": {"server": {"base_url": "http://elsewhere/v1"}}},
            r"llm\.server\.base_url cannot be given .*where prompts and keys",
        ),
        (
            {"llm": {"reply": "another"}},
            r"every answer would be another one \(echo@\d+, \w+ would become echo@\d+, \w+\)",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_key_and_the_way_out(
    given: dict[str, Any], says: str, shop: Shop
) -> None:
    with pytest.raises(ConfigError, match=says):
        overridden(shop.write(), given)


def test_every_block_of_the_file_may_be_given_or_is_refused_with_a_reason() -> None:
    assert set(BLOCKS) | {key for key in FIXED if "." not in key} == set(Settings.model_fields)
    assert not set(BLOCKS) & set(FIXED)
