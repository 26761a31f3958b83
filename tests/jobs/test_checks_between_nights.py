"""A broken feed between two real nights: what is stopped, what is said, and how it is waved through."""

from pathlib import Path

import dagster as dg
import pytest

from jobs.running import dagster_home, run_job
from nightshift.errors import NightFailed
from nightshift.night.config import load_settings
from nightshift.tables import ITEMS
from tests.shop import Shop

pytestmark = pytest.mark.slow


def run(shop: Shop, night: int) -> None:
    run_job(shop.config, None, load_settings(shop.config), "nightly_enrichment", shop.nights()[night])


def warnings(folder: Path) -> set[tuple[str, str]]:
    """(asset, check) of every check that did not pass, in every run of the home."""
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
        records = [
            record
            for run in instance.get_runs()
            for record in instance.get_records_for_run(run.run_id, of_type=kind).records
        ]
        checks = [record.event_log_entry.dagster_event.asset_check_evaluation_data for record in records]  # type: ignore[union-attr]
    return {(check.asset_key.to_user_string(), check.check_name) for check in checks if not check.passed}


def test_a_catalogue_that_lost_half_of_itself_is_stopped_before_a_model_is_asked_and_can_be_waved_through(
    shop: Shop,
) -> None:
    run(shop, 0)
    assert warnings(dagster_home(load_settings(shop.config))) == set(), "a first night does not cry wolf"
    whole, paid = shop.items(), shop.night().ledgers.answers.scan().collect().height
    shop.write_items(whole.head(30))
    with pytest.raises(
        NightFailed,
        match=r"items of .* was not published. rows_kept: 30 rows, 60 on .*gone, for example: \['i000",
    ):
        run(shop, 1)
    assert not shop.night(1).store.has(ITEMS, shop.nights()[1])
    assert shop.night().ledgers.answers.scan().collect().height == paid
    shop.write(checks={"max_row_drop": 1.0, "max_event_age_hours": 0.001})
    run(shop, 1)
    assert shop.night(1).store.manifest(ITEMS, shop.nights()[1]).rows == 30
    assert warnings(dagster_home(load_settings(shop.config))) == {
        ("items", "rows_kept"),
        ("interactions", "freshness"),
    }, "a warning publishes"
