"""An enrichment as a component of somebody else's Dagster project."""

import tomllib
from pathlib import Path

import dagster as dg
import pytest
from dagster.components.core.package_entry import get_package_objects_in_module
from dagster.components.testing import DefsFolderSandbox, create_defs_folder_sandbox

import jobs.components
from jobs.components import EnrichmentComponent
from nightshift.night.config import load_settings
from nightshift.night.night import Night
from tests.shop import Shop

ROOT = Path(__file__).parents[2]
pytestmark = [  # what Dagster 1.13 calls itself while it loads components
    pytest.mark.filterwarnings("ignore:`parse_obj_as` is deprecated"),
    pytest.mark.filterwarnings("ignore:Class `LocalFileCodeReference` is currently in beta"),
    pytest.mark.filterwarnings("ignore:Class `CodeReferencesMetadataValue` is currently in beta"),
]


def scaffolded(sandbox: DefsFolderSandbox, shop: Shop, name: str = "occasion") -> Path:
    """A first file as `dg scaffold defs` writes it, on the shop's configuration."""
    path = sandbox.scaffold_component(component_cls=EnrichmentComponent, defs_path=name)
    file = path / "defs.yaml"
    text = file.read_text()
    assert "config: nightshift.yaml" in text
    file.write_text(text.replace("config: nightshift.yaml", f"config: {shop.config}"))
    return path


def test_a_tool_that_lists_components_finds_it() -> None:
    listed = dict(get_package_objects_in_module(jobs.components))
    assert listed["EnrichmentComponent"] is EnrichmentComponent
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["dagster_dg_cli.registry_modules"] == {"nightshift": "jobs.components"}


def test_an_editor_gets_a_schema_with_a_sentence_a_field() -> None:
    schema = EnrichmentComponent.get_model_cls().model_json_schema()
    assert {"name", "about", "entity", "prompt", "examples"} <= set(schema["required"])
    assert all(field.get("description") for field in schema["properties"].values())


def test_a_scaffolded_file_becomes_an_asset_that_runs(shop: Shop) -> None:
    shop.write()
    night = shop.nights()[0].isoformat()
    with create_defs_folder_sandbox() as sandbox:
        path = scaffolded(sandbox, shop)
        scaffolded(sandbox, shop, "second")
        with sandbox.load_component_and_build_defs(defs_path=path) as (component, defs):
            assert isinstance(component, EnrichmentComponent)
            assert component.name == "occasion"
            asset = defs.get_assets_def("occasion")
            assert {dep.asset_key.to_user_string() for dep in asset.get_asset_spec().deps} == {
                "items",
                "interactions",
            }
            assert "coverage" in {key.name for key in asset.check_keys}
        with sandbox.build_all_defs() as together:
            names = {key.to_user_string() for key in together.resolve_asset_graph().get_all_asset_keys()}
            assert {"occasion", "second"} <= names
            publish_sources(shop)
            with dg.DagsterInstance.ephemeral() as instance:
                job = together.resolve_implicit_global_asset_job_def()
                done = job.execute_in_process(
                    partition_key=night, asset_selection=[dg.AssetKey("occasion")], instance=instance
                )
            assert done.success
    at = Night(load_settings(shop.config), shop.nights()[0])
    assert at.store.nights("occasion") == [shop.nights()[0]]


def publish_sources(shop: Shop) -> None:
    """What the night of our own code location has published."""
    at = shop.night()
    foreseen = at.foreseen()
    for name in ("items", "interactions"):
        at.store.publish(at.tables[name], at.as_of, foreseen.read(name))


def test_a_mistake_is_told_with_the_line_of_the_component(shop: Shop) -> None:
    shop.write()
    with create_defs_folder_sandbox() as sandbox:
        file = scaffolded(sandbox, shop) / "defs.yaml"
        file.write_text(file.read_text().replace("{title}", "{titel}"))
        with pytest.raises(Exception) as told, sandbox.build_all_defs():
            pass
    said = []
    error: BaseException | None = told.value
    while error is not None:
        said.append(str(error))
        error = error.__cause__ or error.__context__
    assert any(
        "occasion/defs.yaml:10: prompt: unknown placeholder {titel}; did you mean 'title'?" in one
        for one in said
    )
