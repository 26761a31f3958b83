"""Pictures of Dagster's pages for the documentation: `python -m tests.browser.screenshots [--config
nightshift.yaml] [--out docs/images]`.

Without `--config`, a small synthetic world is made and three of its nights are run on the fake model and
encoder. With it, the pages show the nights that its home already holds; nothing is run. Pictures are
reduced to 256 colours, which keeps each under 200 kB.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from PIL import Image

from jobs.running import run_job
from nightshift.night.config import load_settings
from nightshift.sources.datasets.synthetic import SyntheticSettings, make_world
from tests.browser.pages import SIZE, Ui
from tests.browser.serving import ROOT, served
from tests.chromium import executable
from tests.shop import open_shop

IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 200_000
LARGE = {"width": 1760, "height": 1160}
"""Pixels of the graph's window: enough for every asset in it."""
SETTLED = 5000
"""Milliseconds in which states are coloured and what has moved comes to rest. Nothing on the page says
that it has."""


def main() -> None:
    """Serve, look, shoot."""
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument(
        "--config",
        type=Path,
        help="nightshift.yaml of a home with nights (default: a small synthetic world is made)",
    )
    wanted.add_argument("--out", type=Path, default=IMAGES, help="folder of the pictures")
    chosen = wanted.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        config = chosen.config or small_world(Path(scratch))
        with served(config) as url, opened(url, Path(scratch)) as ui:
            for show in (graph, asset, checks, backfill):
                show(ui, load_settings(config).nights.first)
                reduced(ui.shot(f"ui_{show.__name__}"), chosen.out)


def small_world(folder: Path) -> Path:
    """Three nights of a small shop. Returns its nightshift.yaml."""
    shop = open_shop(folder, make_world(SyntheticSettings(seed=7, n_users=60, n_items=80, days=9)))
    for night in shop.nights():
        run_job(shop.config, None, load_settings(shop.config), "nightly_enrichment", night)
    return shop.config


@contextmanager
def opened(url: str, folder: Path) -> Iterator[Ui]:
    """A tab on Dagster."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox"])
        yield Ui(browser.new_page(), url, folder)
        browser.close()


def graph(ui: Ui, _: date) -> None:
    """Every asset of every group."""
    ui.page.set_viewport_size(LARGE)
    ui.open_graph()
    ui.page.locator("svg path").nth(20).wait_for(state="attached")  # the lines between the assets
    ui.page.wait_for_timeout(SETTLED)


def asset(ui: Ui, _: date) -> None:
    """What a night left on an asset: its pictures and sample rows."""
    ui.page.set_viewport_size(SIZE)
    ui.open_asset("item_facts")
    ui.metadata("sample").locator("td").last.wait_for()
    ui.page.get_by_text("Metadata", exact=True).first.evaluate(
        "heading => heading.scrollIntoView({block: 'start'})"
    )
    ui.page.wait_for_timeout(SETTLED)


def checks(ui: Ui, _: date) -> None:
    """The checks of an asset."""
    ui.open_asset("item_facts", "checks")
    ui.see("Succeeded")


def backfill(ui: Ui, first: date) -> None:
    """Three nights chosen, before they are launched."""
    ui.choose_nights("nightly_enrichment", f"[{first}...{first + timedelta(days=2)}]").wait_for()
    ui.see("3 partitions")


def reduced(picture: Path, out: Path) -> None:
    """The picture in 256 colours. Raises SystemExit when that is still too large for a page of
    documentation."""
    place = out / picture.name
    Image.open(picture).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(place, optimize=True)
    print(f"{place}  {place.stat().st_size / 1000:.0f} kB")
    if place.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{place} has more than {MOST_BYTES / 1000:.0f} kB; make its window smaller")


if __name__ == "__main__":
    main()
