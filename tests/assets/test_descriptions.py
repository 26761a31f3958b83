"""What the UI shows as text is text: descriptions are Markdown, and an indented line of a docstring would
be a block of code."""

from collections.abc import Iterator
from pathlib import Path

import yaml
from markdown_it import MarkdownIt

from jobs.graph import build
from nightshift.enrichments.registry import by_default, tables_of

TABLES = tables_of(by_default())


ROOT = Path(__file__).parents[2]
ODD = {"code_block", "fence", "heading_open", "html_block", "hr", "blockquote_open", "table_open"}
"""Markdown that a sentence becomes by accident of its indentation or first character."""


def described(folder: Path) -> Iterator[tuple[str, str]]:
    """Every description that the UI shows of the graph, by name, with every sensor there can be."""
    raw = yaml.safe_load((ROOT / "nightshift.yaml").read_text("utf-8"))
    raw |= {"alerts": {"webhook": "http://localhost:1"}, "nights": raw["nights"] | {"keep_nights": 9}}
    (folder / "nightshift.yaml").write_text(yaml.safe_dump(raw), "utf-8")
    graph = build(folder / "nightshift.yaml")
    for spec in graph.resolve_all_asset_specs():
        yield spec.key.to_user_string(), spec.description or ""
        for column in spec.metadata["dagster/column_schema"].columns:
            yield f"{spec.key.to_user_string()}.{column.name}", column.description or ""
    for key in graph.resolve_asset_graph().asset_check_keys:
        yield (
            f"{key.asset_key.to_user_string()}.{key.name}",
            graph.resolve_asset_graph().get_check_spec(key).description or "",
        )
    parts = [
        *(graph.jobs or ()),
        *(graph.schedules or ()),
        *(graph.sensors or ()),
        *(graph.resources or {}).values(),
    ]
    for part in parts:
        yield getattr(part, "name", "resource"), getattr(part, "description", None) or ""


def test_every_description_is_sentences_and_nothing_else(tmp_path: Path) -> None:
    every = dict(described(tmp_path))
    assert set(TABLES) < set(every)
    assert {
        "every_night",
        "new_sources",
        "killed_night",
        "failed_night",
        "finished_night",
        "nightly_enrichment",
    } <= set(every)
    odd = {
        name: found
        for name, text in every.items()
        if (found := ODD & {token.type for token in MarkdownIt().parse(text)})
    }
    assert odd == {}
    assert [name for name, text in every.items() if not text.strip()] == []
    indented = {
        name
        for name, text in every.items()
        if any(line.startswith((" ", "\t", "#")) for line in text.splitlines())
    }
    assert indented == set()
