"""A fit whose numbers a ranker reads: through two whole small nights into training rows."""

import dataclasses
import json

import numpy as np
import polars as pl
import pytest

from assets.features import proofs_of_fits
from jobs.nights import WEEKLY_TABLES
from nightshift.enrichments.fits import digest_of_arrays
from nightshift.enrichments.registry import by_default
from nightshift.features.specs import Number
from nightshift.night.night import Night
from nightshift.storage.store import Store
from nightshift.tables import RANKING_EXAMPLES
from tests.nightshift.enrichments.examples import LIKED
from tests.own import Own, run, with_own
from tests.shop import Shop

READ = dataclasses.replace(LIKED, features=(Number("mean"),))


@pytest.fixture
def own(shop: Shop) -> Own:
    """Two nights of everything but training."""
    own = with_own(shop.write(checks={"leak_sample": 5}), READ)
    night = Night(own, shop.nights()[0])
    tables = [name for name in night.tables if name not in (*WEEKLY_TABLES, "rejects")]
    for as_of in shop.nights()[:2]:
        run(own, as_of, *tables)
    return own


def test_training_rows_read_fits_and_a_young_one_is_caught_by_name(own: Own, shop: Shop) -> None:
    first, second, _ = shop.nights()
    run(own, second, RANKING_EXAMPLES.name)
    rows = Store(own.home_folder).read(RANKING_EXAMPLES, second)
    column = "text__attribute_means_mean"
    means = {
        night: dict(
            Store(own.home_folder)
            .read(Night(own, night).tables["attribute_means"], night)
            .select("item_id", "mean")
            .iter_rows()
        )
        for night in (first, second)
    }
    for as_of, item, value in rows.select("as_of", "item_id", column).head(200).iter_rows():
        assert value == means[as_of].get(item) or np.isnan(value)
    assert rows[column].is_not_nan().any()
    kept = sorted((own.home_folder / "models" / "fits" / "attribute_means").iterdir())[-1]
    with np.load(kept / "arrays.npz") as stored:
        young = dict(stored) | {"means": stored["means"] + 0.01}
    np.savez(kept / "arrays.npz", allow_pickle=False, **young)
    about = json.loads((kept / "fit.json").read_text()) | {"digest": digest_of_arrays(young)}
    (kept / "fit.json").write_text(json.dumps(about))
    failed = run(own, second, RANKING_EXAMPLES.name, fails=True)
    said = [event.message or "" for event in failed.all_events if event.is_failure]
    errors = " ".join(str(event.event_specific_data) for event in failed.all_events if event.is_failure)
    assert "attribute_means: means" in " ".join(said) + errors


def test_only_a_graph_with_fits_has_their_proof() -> None:
    assert proofs_of_fits(by_default()) == {}
    assert set(proofs_of_fits({READ.name: READ})) == {"fits"}
    assert pl.DataFrame(schema=READ.table.schema).columns == ["item_id", "mean", "fitted_until"]
