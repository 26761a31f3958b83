"""docs/reference/checks.md: every check of every asset, as Dagster loads them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg

from jobs.graph import build
from jobs.reference.markdown import code, page, table

CONFIG = Path(__file__).parents[2] / "nightshift.yaml"
INTRO = """
Every asset checks its rows before it publishes them. A **blocking** check that fails leaves the table of that night unpublished and
ends the run with exit code 1 and the check's message; whatever models have answered is kept, so the next run asks only for what is
missing. A **warning** is shown on the asset and changes nothing. Thresholds are in [`checks`](settings.md#checks) of nightshift.yaml.
"""


def checks_page() -> str:
    """The whole page."""
    return page("Checks", INTRO, *(part for asset, specs in by_asset() for part in section(asset, specs)))


def by_asset() -> list[tuple[str, list[dg.AssetCheckSpec]]]:
    """Asset name to its checks, both in alphabetical order."""
    graph = build(CONFIG).resolve_asset_graph()
    specs = sorted((graph.get_check_spec(key) for key in graph.asset_check_keys), key=lambda spec: spec.name)
    assets = sorted({spec.asset_key.to_user_string() for spec in specs})
    return [(asset, [spec for spec in specs if spec.asset_key.to_user_string() == asset]) for asset in assets]


def section(asset: str, specs: Sequence[dg.AssetCheckSpec]) -> Iterator[str]:
    """One asset: its checks in a table."""
    yield f"## {asset}"
    yield f"Columns: [tables.md](tables.md#{asset})."
    rows = [
        (code(spec.name), "blocking" if spec.blocking else "warning", spec.description or "")
        for spec in specs
    ]
    yield table(("check", "when it fails", "what it says"), rows)
