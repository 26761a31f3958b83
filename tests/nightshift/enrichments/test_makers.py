"""Computed, fitted and recorded enrichments through whole small nights: assets, checks, tables, plan,
costs."""

import json
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl
import pytest

from jobs.planning import plan_night
from nightshift.enrichments.registry import asked, carried
from nightshift.errors import ConfigError
from nightshift.night.night import Night
from nightshift.storage.ledger import Ledgers
from nightshift.storage.retention import removable
from nightshift.storage.store import Store
from tests.nightshift.enrichments.examples import CAPTIONS, LENGTH, LIKED
from tests.own import Own, run, with_own
from tests.shop import Shop

SOURCES = ("items", "interactions")
NAMES = ("title_length", "attribute_means", "captions")
RECORDED = {"captions": {"path": "said.csv", "model": "gpt-4o@pictures"}}


@pytest.fixture
def own(shop: Shop) -> Own:
    titles = shop.items()
    ids = titles[next(name for name in titles.columns if name.endswith("id"))].cast(pl.String).sort()
    said = {"item_id": ids.head(10), "answer": [*(f"A picture of {n}" for n in range(9)), ""]}
    pl.DataFrame(said).write_csv(shop.folder / "said.csv")
    return with_own(shop.write(), LENGTH, LIKED, CAPTIONS, **RECORDED)


def read(own: Own, name: str, night: date) -> pl.DataFrame:
    return Store(own.home_folder).read(Night(own, night).tables[name], night)


def test_a_night_of_all_makers_publishes_their_tables_and_pays_nothing(shop: Shop, own: Own) -> None:
    first, second, _ = shop.nights()
    for night in (first, second):
        run(own, night, *SOURCES, *NAMES)
    items = read(own, "items", second)
    lengths = read(own, "title_length", second)
    assert lengths.sort("item_id")["length"].to_list() == [len(t) for t in items.sort("item_id")["title"]]
    captions = read(own, "captions", second)
    assert captions.height == items.height
    assert dict(captions.group_by("origin").len().iter_rows()) == {"llm": 9, "template": items.height - 9}
    assert captions.filter(pl.col("origin") == "llm")["model_id"].unique().to_list() == ["gpt-4o@pictures"]
    means = read(own, "attribute_means", second)
    assert means["mean"].is_not_null().any()
    assert means["fitted_until"].n_unique() == 1
    assert (means["fitted_until"] < datetime.combine(second, time(), UTC)).all()
    ledgers = Ledgers(own.home_folder)
    assert ledgers.answers.scan().collect().is_empty()
    assert plan_night(Night(own, second)).tables[-1].table != "captions"


def test_a_refused_recorded_answer_is_among_the_rejects(shop: Shop, own: Own) -> None:
    pl.DataFrame({"item_id": ["nobody"], "answer": ["x"]}).write_csv(shop.folder / "said.csv")
    night = shop.nights()[0]
    items = run(own, night, "items") and read(own, "items", night)
    said = {
        "item_id": items["item_id"].head(60),
        "answer": ["I cannot help with that."] * 1 + ["A picture"] * 59,
    }
    pl.DataFrame(said).write_csv(shop.folder / "said.csv")
    run(own, night, *SOURCES, "captions")
    rejects = Store(own.home_folder).rejects("captions", night)
    assert rejects.select("key", "reason", "model_id").rows() == [
        (items["item_id"][0], "refusal", "gpt-4o@pictures")
    ]


def test_only_what_is_asked_is_planned_and_what_is_written_is_carried(own: Own, shop: Shop) -> None:
    planned = [table.table for table in plan_night(Night(own, shop.nights()[0])).tables]
    assert planned == list(asked(own.registry))
    assert not set(NAMES) & set(planned)
    assert {"captions", "item_facts"} <= set(carried(own.registry))
    assert not {"title_length", "attribute_means"} & set(carried(own.registry))


def test_a_recorded_answer_that_goes_is_carried(shop: Shop, own: Own) -> None:
    first, second, _ = shop.nights()
    run(own, first, *SOURCES, "captions")
    pl.DataFrame({"item_id": ["nobody"], "answer": ["x"]}).write_csv(shop.folder / "said.csv")
    run(own, second, *SOURCES, "captions")
    assert read(own, "captions", second).filter(pl.col("origin") == "carried").height == 9


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ({}, "captions.path is not set"),
        ({"path": "said.csv"}, "enrichments.captions.model '' must name model and recording"),
        ({"path": "said.csv", "model": "gpt-4o"}, "must name model and recording"),
        ({"path": "other.csv", "model": "a@b"}, "enrichments.captions: .*other.csv is not there"),
        (
            {"path": "said.csv", "model": "a@b", "answer": "words"},
            "no column 'words'; it has item_id, answer",
        ),
        ({"path": "said.csv", "model": "a@b", "key": "sku"}, "no column 'sku'"),
    ],
)
def test_a_recording_that_cannot_be_read_is_refused(
    shop: Shop, own: Own, block: dict[str, Any], says: str
) -> None:
    night = Night(with_own(own, CAPTIONS, captions=block), shop.nights()[0])
    with pytest.raises(ConfigError, match=says):
        night.foreseen().read("captions")


def test_a_fit_is_made_once_for_its_inputs_and_settings(shop: Shop, own: Own) -> None:
    _, second, third = shop.nights()
    folder = own.home_folder / "models" / "fits" / "attribute_means"
    run(own, second, *SOURCES, "attribute_means")
    (made,) = folder.iterdir()
    about, born = json.loads((made / "fit.json").read_text()), (made / "arrays.npz").stat().st_mtime_ns
    assert about["name"] == "attribute_means"
    assert about["night"] == str(second)
    assert set(about["inputs"]) == {"interactions", "items"}
    run(own, second, "attribute_means")
    assert (made / "arrays.npz").stat().st_mtime_ns == born, "the same inputs: not fitted again"
    before = read(own, "attribute_means", second)
    run(own, third, *SOURCES, "attribute_means")
    assert len(list(folder.iterdir())) == 2, "another night of the grid: another fit"
    assert read(own, "attribute_means", second).equals(before)


def test_a_home_without_an_event_before_the_first_grid_day_has_no_fit_yet(shop: Shop, own: Own) -> None:
    start = shop.world.settings.start.date()
    since = own.nights.model_copy(update={"first": start})
    early, night = with_own(own.model_copy(update={"nights": since}), LIKED), start + timedelta(days=2)
    run(early, night, *SOURCES, "attribute_means")
    assert read(early, "attribute_means", night).is_empty()
    assert not (early.home_folder / "models" / "fits").exists()


def test_a_plan_fits_without_keeping(shop: Shop, own: Own) -> None:
    night = Night(own, shop.nights()[1])
    assert not night.foreseen().read("attribute_means").is_empty()
    assert not (own.home_folder / "models").exists()


def test_what_a_fit_read_of_earlier_nights_stays(shop: Shop, own: Own) -> None:
    for night in shop.nights():
        run(own, night, *SOURCES, "attribute_means")
    store = Store(own.home_folder)
    manifest = store.manifest("attribute_means", shop.nights()[2])
    assert f"items {shop.nights()[1]}" in manifest.inputs
    gone = {(one.table, one.as_of) for one in removable(store, 1, carried(own.registry))}
    assert ("items", shop.nights()[1]) not in gone
