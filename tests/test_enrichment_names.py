"""Who spells an enrichment's name: its own files, and consumers that read its table as any reader would.

Everything else follows from the declaration. `TODAY` only shrinks: a module that no longer spells one is to
be taken off the list.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightshift.enrichments.registry import built_in

ROOT = Path(__file__).parents[1]
FOLDERS = ("nightshift", "assets", "jobs", "pipelines", "benchmarks")
NAMES = tuple(built_in())
SPELLED = re.compile(rf"(?<![a-z0-9])({'|'.join(NAMES)})(?![a-z0-9])", re.IGNORECASE)
"""The name as a word of its own, whole or with something before or after an underscore: `ITEM_FACTS`."""
CONSUMERS = (
    "assets/rankers.py",
    "benchmarks/",
    "jobs/commands/show.py",
    "jobs/demo.py",
    "jobs/show.py",
    "nightshift/export/",
    "nightshift/lift/memorization.py",
    "nightshift/lift/quality.py",
    "nightshift/report/lift_page/content.py",
    "nightshift/sources/datasets/",
)
"""They read the table that they name, and nothing depends on its being an enrichment."""
TODAY: frozenset[str] = frozenset(
    {
        "nightshift/night/config.py",
        "nightshift/night/lineage.py",
        "nightshift/tables.py",
    }
)
"""Other modules that spell one, until what they know of it is data."""


def modules() -> Iterator[str]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            own = any(name.startswith(f"nightshift/enrichments/{each}/") for each in NAMES)
            if not own and not name.startswith(CONSUMERS):
                yield name


def spelled(source: str) -> set[str]:
    """Names of enrichments among a module's identifiers and strings; docstrings and comments may tell of
    them."""
    tree = ast.parse(source)
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    words: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            words.append(node.value)
        elif isinstance(node, ast.Name | ast.FunctionDef | ast.ClassDef):
            words.append(node.id if isinstance(node, ast.Name) else node.name)
        elif isinstance(node, ast.Attribute | ast.arg | ast.keyword):
            words.append((node.attr if isinstance(node, ast.Attribute) else node.arg) or "")
        elif isinstance(node, ast.ImportFrom | ast.Import):
            words += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            words += [alias.name for alias in node.names]
    return {found.lower() for word in words for found in SPELLED.findall(word)}


def offenders() -> dict[str, set[str]]:
    found = {name: spelled((ROOT / name).read_text("utf-8")) for name in modules()}
    return {name: names for name, names in found.items() if names}


def test_nobody_else_spells_an_enrichments_name() -> None:
    new = {name: names for name, names in offenders().items() if name not in TODAY}
    assert not new, f"these modules know an enrichment by name: {new}; let it follow from the declaration"


def test_the_list_of_those_that_do_today_holds_no_other() -> None:
    assert not TODAY - set(offenders()), "they no longer spell one: take them off the list"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('read("item_facts")', {"item_facts"}),
        ("from nightshift.tables import ITEM_FACTS", {"item_facts"}),
        ("import nightshift.enrichments.group_facts.prompt", {"group_facts"}),
        ("def item_facts(): ...", {"item_facts"}),
        ("night.user_preferences", {"user_preferences"}),
        ("Snapshot(item_tag_scores=1)", {"item_tag_scores"}),
        ('f"llm.recorded.item_facts.{name}"', {"item_facts"}),
        ('"""About item_facts."""', set()),
        ("x = 1\n'''item_facts is read'''  # item_facts", set()),
        ('"my_item_factsheet"', set()),
    ],
)
def test_what_counts_as_spelling_a_name(source: str, names: set[str]) -> None:
    assert spelled(source) == names
