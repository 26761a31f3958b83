"""docs/checks.md against the graph: no check without a line of what to do, and none that is said to block
and does not."""

import re
from pathlib import Path

import pytest

from jobs.reference.checks import by_asset

PAGE = Path(__file__).parents[2] / "docs" / "checks.md"
ALL = re.compile(r"all( with a key)?")


@pytest.fixture(scope="module")
def lines() -> dict[str, tuple[str, str]]:
    """Check -> assets, blocks?"""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text("utf-8").splitlines()
        if line.startswith("| `")
    ]
    return {
        name.strip("`"): (assets, blocks) for names, assets, blocks, *_ in rows for name in names.split(", ")
    }


def test_every_check_has_its_line_and_blocks_where_it_says_so(lines: dict[str, tuple[str, str]]) -> None:
    for asset, specs in by_asset():
        for spec in specs:
            assert spec.name in lines, f"docs/checks.md has no line for {spec.name}"
            assets, blocks = lines[spec.name]
            named, warned = (
                assets.replace(")", "").split(" (warns: ") if "(warns: " in assets else (assets, "")
            )
            if not ALL.fullmatch(assets):
                assert asset in (*named.split(", "), warned), f"{spec.name}: {asset} is not named"
            assert (blocks == "yes" and asset != warned) is spec.blocking, f"{spec.name} of {asset}"


def test_no_line_is_of_a_check_that_is_gone(lines: dict[str, tuple[str, str]]) -> None:
    assert set(lines) == {spec.name for _, specs in by_asset() for spec in specs}
