"""The graph as Dagster loads it, against a snapshot: an asset, dependency, check or schedule cannot change
unnoticed.

After a wanted change: `python tests/assets/test_graph.py > tests/assets/graph.json`.
"""

import json
from pathlib import Path
from typing import Any

import dagster as dg

from jobs.graph import build
from nightshift.enrichments.registry import by_default, tables_of

TABLES = tables_of(by_default())

ROOT = Path(__file__).parents[2]
SNAPSHOT = Path(__file__).with_name("graph.json")


def graph() -> dict[str, Any]:
    definitions = build(ROOT / "nightshift.yaml")
    specs = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}
    checks = definitions.resolve_asset_graph().asset_check_keys
    blocking = {key: definitions.resolve_asset_graph().get_check_spec(key).blocking for key in checks}
    assets = {
        name: {
            "group": spec.group_name,
            "kinds": sorted(spec.kinds),
            "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
            "checks": sorted(
                f"{key.name}{'' if blocks else ' (warns)'}"
                for key, blocks in blocking.items()
                if key.asset_key == spec.key
            ),
            "columns": [column.name for column in spec.metadata["dagster/column_schema"].columns],
        }
        for name, spec in sorted(specs.items())
    }
    jobs = {
        name: sorted(
            key.to_user_string()
            for key in definitions.resolve_job_def(name).asset_layer.executable_asset_keys
        )
        for name in ("nightly_enrichment", "weekly_training")
    }
    schedules = {
        name: definitions.resolve_schedule_def(name).cron_schedule for name in ("every_night", "every_week")
    }
    return {"assets": assets, "jobs": jobs, "schedules": schedules}


def test_the_graph_is_the_one_in_the_snapshot() -> None:
    assert graph() == json.loads(SNAPSHOT.read_text())


def test_every_table_is_an_asset_with_its_columns_and_a_description() -> None:
    specs = {
        spec.key.to_user_string(): spec for spec in build(ROOT / "nightshift.yaml").resolve_all_asset_specs()
    }
    assert set(specs) == set(TABLES)
    for name, spec in specs.items():
        assert spec.description
        assert TABLES[name].about in spec.description
        assert [c.name for c in spec.metadata["dagster/column_schema"].columns] == list(TABLES[name].columns)
        assert spec.code_version
        assert isinstance(spec.partitions_def, dg.DailyPartitionsDefinition)


def test_every_asset_that_loads_a_model_waits_for_its_turn() -> None:
    graph = build(ROOT / "nightshift.yaml").resolve_asset_graph()
    waits = {key.to_user_string() for key in graph.get_all_asset_keys() if graph.get(key).pools == {"model"}}
    asked = {"group_facts", "item_tag_scores", "item_facts", "user_preferences", "lift"}  # lift probes titles
    assert waits == asked | {"item_embeddings", "user_embeddings"}


def test_the_root_configuration_is_the_demos() -> None:
    assert (ROOT / "nightshift.yaml").read_text() == (ROOT / "jobs" / "demo.yaml").read_text()


if __name__ == "__main__":
    print(json.dumps(graph(), indent=2))
