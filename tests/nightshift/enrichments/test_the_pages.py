"""What the pages say of a file is so."""

import re
from pathlib import Path

import pytest

from nightshift.enrichments.declared import KEYS, load
from nightshift.enrichments.entities import ENTITIES

DOCS = Path(__file__).parents[3] / "docs"
HOWTO, REFERENCE = (
    (DOCS / "howto" / "add_an_enrichment.md").read_text("utf-8"),
    (DOCS / "enrichment_files.md").read_text("utf-8"),
)
FILES = dict(re.findall(r"```yaml\n# enrichments/(\w+)\.yaml\n(.*?)```", HOWTO, re.DOTALL))


@pytest.mark.parametrize("name", FILES)
def test_a_file_on_the_page_is_one(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.yaml"
    path.write_text(FILES[name])
    assert load(path).name == name


def test_the_first_one_has_twelve_lines() -> None:
    assert len(FILES["occasion"].splitlines()) == 11  # and the comment that names it


def test_every_key_and_every_placeholder_is_on_the_page() -> None:
    assert all(f"| `{key}` |" in REFERENCE for key in KEYS)
    assert len(KEYS) == 13  # "one of thirteen words"
    for name in ("item", "user", "group", "pair", "event"):
        line = next(line for line in REFERENCE.splitlines() if line.startswith(f"| `{name}` |"))
        assert set(ENTITIES[name].fields) <= set(re.findall(r"`(\w+)`", line))
