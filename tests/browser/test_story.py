"""A night watched in a browser, on a real `nightshift ui`: graph, night, checks, backfill, a bad row, and
what a second run costs.

A small synthetic world on the fake model and encoder, so that a night takes seconds. The tests are one
story, in this order.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nightshift.sources.datasets.synthetic import make_world
from tests.browser.pages import PATIENT, SIZE, Ui
from tests.browser.serving import served
from tests.browser.world import WORLD, answers, drop_the_repeated, repeat_an_item
from tests.declared import OCCASION
from tests.shop import Shop, open_shop

pytestmark = [pytest.mark.slow, pytest.mark.loopback, pytest.mark.xdist_group("browser")]

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
expect.set_options(timeout=PATIENT)
GRAPH = json.loads((Path(__file__).parents[1] / "assets" / "graph.json").read_text("utf-8"))["assets"]
JOB = "nightly_enrichment"
FIRST, SECOND, LAST = "2024-01-04", "2024-01-05", "2024-01-07"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop with an enrichment of its own."""
    shop = open_shop(tmp_path_factory.mktemp("browser"), make_world(WORLD))
    (shop.folder / "enrichments").mkdir()
    (shop.folder / "enrichments" / "occasion.yaml").write_text(OCCASION)
    shop.write(enrichments={"folder": "enrichments"})
    return shop


@pytest.fixture(scope="module")
def tab(shop: Shop, browser: Any) -> Iterator[Ui]:
    """One tab on the shop's Dagster."""
    with served(shop.config) as url:
        context = browser.new_context(viewport=SIZE)
        yield Ui(context.new_page(), url, shop.folder)
        context.close()


@pytest.fixture
def ui(tab: Ui) -> Iterator[Ui]:
    """The tab, whose pages must not complain during a test."""
    yield tab
    complaints, tab.complaints[:] = list(tab.complaints), []
    assert complaints == []


def test_the_graph_names_every_group_and_every_asset(ui: Ui) -> None:
    ui.open_graph()
    for name in {asset["group"] for asset in GRAPH.values()} | set(GRAPH):
        ui.see(name)
    assert ui.shot("graph").stat().st_size > 20_000


def test_a_night_materialized_from_the_page_succeeds(ui: Ui, shop: Shop) -> None:
    ui.materialize(JOB, FIRST)
    ui.see("Success")
    ui.see(f"partition: {FIRST}")
    assert (
        shop.folder / ".nightshift" / "tables" / "user_features" / f"as_of={FIRST}" / "_manifest.json"
    ).exists()


def test_an_enrichment_of_the_shops_own_is_one_of_the_nights_assets(ui: Ui, shop: Shop) -> None:
    ui.open_asset("occasion")
    sample = ui.metadata("sample").locator("table")
    expect(sample).to_be_visible()
    assert sample.locator("th").all_inner_texts()[:3] == ["item_id", "title", "choice"]
    expect(ui.metadata("calls")).to_have_text(str(shop.items().height))
    ui.shot("own_enrichment")


def test_the_nights_checks_are_green_on_the_assets_page(ui: Ui) -> None:
    checks = GRAPH["item_facts"]["checks"]
    ui.open_asset("item_facts", "checks")
    ui.see(f"Checks ({len(checks)})")
    for check in checks:
        ui.see(check.removesuffix(" (warns)"))
    ui.see("Succeeded", count=len(checks))
    ui.shot("checks")


def test_the_assets_page_shows_rows_that_can_be_read(ui: Ui, shop: Shop) -> None:
    ui.open_asset("item_facts")
    sample = ui.metadata("sample").locator("table")
    expect(sample).to_be_visible()
    assert sample.locator("th").all_inner_texts()[:3] == ["item_id", "title", "summary"]
    rows = [row.locator("td").all_inner_texts() for row in sample.locator("tbody tr").all()]
    titles = dict(shop.items().select("item_id", "title").iter_rows())
    assert len(rows) == 5
    assert [row[1] for row in rows] == [titles[row[0]] for row in rows]
    expect(ui.metadata("calls")).to_have_text(str(len(titles)))
    ui.shot("asset")


def test_the_assets_pictures_are_drawn(ui: Ui) -> None:
    ui.open_asset("item_facts")
    pictures = ui.metadata("tokens by night").locator("xpath=ancestor::table[1]").locator("img")
    expect(pictures.first).to_be_visible()
    widths = [
        picture.evaluate("image => image.decode().then(() => image.naturalWidth)")
        for picture in pictures.all()
    ]
    assert len(widths) >= 3
    assert min(widths) > 0


def test_a_backfill_of_several_nights_is_launched_and_finishes(ui: Ui) -> None:
    ui.materialize(JOB, f"[{SECOND}...{LAST}]")
    ui.open_asset("item_facts", "partitions")
    ui.see("Materialized (4)")
    ui.see("Failed (0)")
    ui.open("/runs")
    ui.see("In progress (0)")
    ui.see("Queued (0)")
    ui.shot("backfill")


def test_a_bad_catalogue_turns_its_step_red_and_the_page_names_the_row(ui: Ui, shop: Shop) -> None:
    rows = repeat_an_item(shop)
    ui.materialize(JOB, LAST)
    ui.see("Failure")
    ui.see("Errored (1)")
    ui.filter_log("type:STEP_FAILURE")
    told = ui.page.get_by_text(re.compile("SourceError")).filter(visible=True).first
    expect(told).to_contain_text(rows)
    expect(told).to_contain_text("keep_first")
    ui.shot("failure")


def test_what_stands_is_kept_and_after_the_repair_nothing_is_asked_twice(ui: Ui, shop: Shop) -> None:
    before = answers(shop)
    drop_the_repeated(shop)
    ui.reexecute_from_failure()
    ui.see("Success")
    ui.open_asset("item_facts")
    expect(ui.metadata("calls")).to_have_text("0")
    expect(ui.metadata("avoided calls")).to_have_text(str(WORLD.n_items))
    expect(ui.metadata("hit rate")).to_have_text("1")
    assert answers(shop) == before
    assert answers(shop)["item_facts"] == WORLD.n_items
