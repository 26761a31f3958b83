"""A run that was given settings of its own, as the launchpad gives them."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
import yaml

from assets.resources import GIVEN
from jobs.graph import build
from nightshift.tables import ITEM_FACTS
from tests.shop import Shop


def run(shop: Shop, instance: dg.DagsterInstance, given: Any = None, night: int = 0) -> Any:
    """A run of a night with this configuration of the resource `nightshift`."""
    job = build(shop.config).resolve_job_def("nightly_enrichment")
    config = {"resources": {"nightshift": {"config": given}}} if given is not None else {}
    day = shop.nights()[night].isoformat()
    return job.execute_in_process(
        run_config=config, partition_key=day, instance=instance, raise_on_error=False
    )


def documented() -> Any:
    """The example of docs/dagster.md."""
    lines = (
        (Path(__file__).parents[2] / "docs" / "dagster.md")
        .read_text("utf-8")
        .split("    resources:\n")[1]
        .split("\n\n")[0]
    )
    return yaml.safe_load(lines)["nightshift"]["config"]


def spent(shop: Shop) -> int:
    """Tokens that `item_facts` has cost so far."""
    rows = shop.night().ledgers.answers.scan().filter(pl.col("table") == "item_facts").collect()
    return int((rows["prompt_tokens"] + rows["new_tokens"]).sum())


def test_a_budget_of_one_run_limits_that_run_and_is_written_on_it(shop: Shop) -> None:
    before = shop.config.read_text()
    with dg.DagsterInstance.ephemeral() as instance:
        limited = run(shop, instance, documented())
        assert limited.success
        assert 0 < spent(shop) <= 900
        written = shop.night().store.read(ITEM_FACTS, shop.nights()[0])["origin"].to_list().count("llm")
        assert 0 < written < shop.items().height
        tags = instance.get_run_by_id(limited.run_id).tags  # type: ignore[union-attr]
        assert (
            json.loads(tags[GIVEN])
            == documented()
            == {"budget": {"tables": {"item_facts": 900}}, "checks": {"max_reject_share": 0.8}}
        )
        whole = run(shop, instance)
        assert GIVEN not in instance.get_run_by_id(whole.run_id).tags  # type: ignore[union-attr]
    assert spent(shop) > 900
    assert (
        shop.night().store.read(ITEM_FACTS, shop.nights()[0])["origin"].to_list().count("llm")
        == shop.items().height
    )
    assert shop.config.read_text() == before


def test_a_value_that_cannot_be_given_fails_the_run_with_our_words_before_any_model_is_asked(
    shop: Shop,
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        refused = run(shop, instance, {"home": "/elsewhere", "budget": {"tokens": 5}})
    said = {
        event.step_key: str(event.step_failure_data.error)
        for event in refused.all_events
        if event.is_step_failure
    }
    assert set(said) == {"items"}
    assert "home cannot be given for one run" in said["items"]
    assert spent(shop) == 0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"budget": {"tokns": 5}},
            r'unexpected config entry "tokns" at path root:resources:nightshift:config:budget\. '
            r"Expected: .*tokens",
        ),
        ({"budget": {"tokens": "many"}}, r'Invalid scalar at path .*:tokens\. Value "many"'),
        ({"alerts": {"webhook": "https://hooks.example/T0/B0"}}, r'unexpected config entry "alerts"'),
    ],
)
def test_a_key_or_type_that_does_not_exist_is_refused_before_there_is_a_run(
    given: Any, says: str, shop: Shop
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        with pytest.raises(dg.DagsterInvalidConfigError, match=says):
            run(shop, instance, given)
        assert instance.get_runs_count() == 0


def test_the_launchpad_describes_every_setting_that_can_be_given() -> None:
    from assets.launchpad import run_config

    def bare(kind: Any, above: str = "") -> list[str]:
        fields = getattr(kind, "fields", {})
        return [
            path
            for name, field in fields.items()
            for path in (
                [f"{above}{name}"] * (not field.description) + bare(field.config_type, f"{above}{name}.")
            )
        ]

    assert bare(run_config().config_type) == []
