"""The report of a real training night: written, shown on the asset, found by the command, and read in a
browser without a network."""

from typing import Any

import dagster as dg
import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from jobs.cli import app
from jobs.running import dagster_home, open_instance, run_job
from nightshift.lift.verdict import GAP
from nightshift.night.config import Settings, load_settings
from nightshift.report.lift_page.page import place
from nightshift.sources.datasets.synthetic import SyntheticSettings, make_world
from nightshift.tables import INTERACTIONS, LIFT, RANKING_EXAMPLES
from tests.shop import Shop, open_shop

pytestmark = pytest.mark.slow

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1200, "height": 900}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Two nights and a training of a small shop on the fake models."""
    pytest.importorskip("altair", reason="the extra `report` is not installed")
    shop = open_shop(
        tmp_path_factory.mktemp("report"),
        make_world(SyntheticSettings(seed=3, n_users=80, n_items=70, days=15)),
    )
    shop.write(
        lift={
            "seeds": 2,
            "resamples": 100,
            "leave_one_out": True,
            "lightgbm": {"rounds": 40, "learning_rate": 0.1},
        }
    )
    settings = grouped(shop)
    for night in (0, 2):
        run_job(shop.config, None, settings, "nightly_enrichment", shop.nights()[night])
    run_job(shop.config, None, settings, "weekly_training", shop.nights()[2])
    return shop


def grouped(shop: Shop) -> Settings:
    """The shop with a file that divides its users in two."""
    users = shop.world.interactions.select("user_id").unique().sort("user_id").with_row_index("n")
    users.select(
        "user_id", club=pl.when(pl.col("n") % 2 == 0).then(pl.lit("gold")).otherwise(pl.lit("blue"))
    ).write_csv(shop.folder / "users.csv")
    raw = yaml.safe_load(shop.config.read_text())
    raw["sources"]["users"] = {"path": "users.csv", "user_id": "user_id", "groups": ["club"]}
    shop.config.write_text(yaml.safe_dump(raw))
    return load_settings(shop.config)


@pytest.fixture(scope="module")
def html(trained: Shop) -> str:
    return place(trained.night(2)).read_text("utf-8")


def test_the_page_says_what_the_table_says_and_names_no_user(trained: Shop, html: str) -> None:
    night = trained.night(2)
    lift = night.store.read(LIFT, night.as_of)
    value = lift.filter(
        (pl.col("arm") == "base")
        & (pl.col("against") == "base")
        & (pl.col("metric") == "auc")
        & (pl.col("slice") == "all")
    )
    assert f"{value['value'].item():.4f}" in html
    users = night.store.read(INTERACTIONS, night.as_of)["user_id"].unique().to_list()
    assert not [user for user in users if f">{user}<" in html or f" {user} " in html]
    for word in (
        "what facts adds to the rest",
        "premium over a template",
        "grounded",
        "recompute",
        "differences",
        "echo@1",
        "permuted",
    ):
        assert word in html
    assert len(html) < 400_000


def test_groups_of_users_are_judged_from_a_file_that_no_table_holds(trained: Shop, html: str) -> None:
    night = trained.night(2)
    lift = night.store.read(LIFT, night.as_of)
    assert {"group club=gold", "group club=blue", f"{GAP}club"} <= set(lift["slice"])
    for word in ("Groups of users", "users by club", "files of users", ">gold<", "of random groups"):
        assert word in html
    for table, nights in night.store.published().items():
        frame = night.store.read(night.tables[table], nights[-1])
        assert "club" not in frame.columns
        if table != "lift":
            assert not any(
                (frame[name] == "gold").any() for name in frame.columns if frame[name].dtype == pl.String
            )


def test_the_page_draws_cost_against_gain_and_names_what_it_rests_on(trained: Shop, html: str) -> None:
    assert "AUC gained over base against what it cost" in html
    for word in (
        "files of items",
        "files of interactions",
        "polars ",
        "lightgbm ",
        "dagster ",
        "configuration",
        "nights read",
        "2 (20",
    ):
        assert word in html


def test_proofs_are_told_with_what_they_compared(trained: Shop, html: str) -> None:
    night = trained.night(2)
    columns = sum("__" in name for name in night.store.read(RANKING_EXAMPLES, night.as_of).columns)
    assert f"40 rows x {columns} columns: 0 differences" in html


def test_the_command_prints_the_table_and_the_place(trained: Shop) -> None:
    said = CliRunner().invoke(app, ["report", "--config", str(trained.config)])
    assert said.exit_code == 0, said.output
    assert str(place(trained.night(2))) in said.output.replace("\n", "")
    assert "llm minus permuted (content lift)" in said.output


def test_the_assets_page_shows_the_headline_the_picture_and_the_place(trained: Shop) -> None:
    settings = load_settings(trained.config)
    with open_instance(dagster_home(settings)) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("lift"))
        assert event is not None
        assert event.asset_materialization is not None
        shown = event.asset_materialization.metadata
    assert str(shown["headline"].value).startswith("The language model's features")
    assert str(shown["picture"].value).startswith(
        "![AUC differences with 95% intervals](data:image/png;base64,"
    )
    assert shown["report"].value == str(place(trained.night(2)))


@pytest.mark.loopback
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_reads_in_a_browser_without_a_network(
    trained: Shop, browser: Any, size: dict[str, int], scheme: str
) -> None:
    context = browser.new_context(viewport=size, color_scheme=scheme, offline=True)
    page, complaints, asked = context.new_page(), list[str](), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(place(trained.night(2)).as_uri())
    assert asked == [page.url], "nothing but the page itself"
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing hangs over the edge"
    assert page.locator("svg").count() >= 5
    outside = page.evaluate(
        """() => [...document.querySelectorAll('svg text')].filter(t => { const b = t.getBoundingClientRect();
        return b.width && (b.left < 0 || b.right > innerWidth) }).map(t => t.textContent)"""
    )
    assert outside == []
    paper, ink = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert (_light(paper) > _light(ink)) == (scheme == "light")
    label = page.evaluate("getComputedStyle(document.querySelector('svg text')).fill")
    assert label == ink, "charts follow the theme"
    context.close()


@pytest.mark.loopback
def test_the_page_prints(trained: Shop, browser: Any) -> None:
    page = browser.new_page()
    page.goto(place(trained.night(2)).as_uri())
    assert page.pdf(format="A4")[:5] == b"%PDF-"
    page.close()


def _light(colour: str) -> int:
    return sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
