"""What Dagster loads. The only module that reads the environment: NIGHTSHIFT_CONFIG and NIGHTSHIFT_HOME.

Imports stay light (under two seconds, no torch, no Beam): models and pipelines load inside the assets that use them.
"""

import os
from pathlib import Path

import dagster as dg

import assets
from assets.resources import Nightshift
from jobs.nights import nightly_enrichment, partitions, schedules, weekly_training
from nightshift.config import CONFIG_NAME, Settings, load_settings


def build(config: Path, home: Path | None = None) -> dg.Definitions:
    """The whole code location for one nightshift.yaml. Raises ConfigError when the file is missing or wrong."""
    settings = load_settings(config, home)
    return dg.Definitions(
        assets=_on_nights(settings),
        jobs=[nightly_enrichment, weekly_training],
        schedules=schedules(settings.nights),
        resources={"nightshift": Nightshift(config=str(config.resolve()), home=str(home.resolve()) if home else None)},
        executor=dg.in_process_executor,
    )


def _on_nights(settings: Settings) -> list[dg.AssetsDefinition]:
    nights = partitions(settings.nights)
    loaded = [asset for asset in dg.load_assets_from_package_module(assets) if isinstance(asset, dg.AssetsDefinition)]
    return list(dg.map_asset_specs(lambda spec: spec.replace_attributes(partitions_def=nights), loaded))


def __getattr__(name: str) -> dg.Definitions:
    """`defs` is built when Dagster asks for it, so that the command line can import this module without a configuration."""
    if name != "defs":
        raise AttributeError(name)
    home = os.environ.get("NIGHTSHIFT_HOME")
    globals()["defs"] = build(Path(os.environ.get("NIGHTSHIFT_CONFIG", CONFIG_NAME)), Path(home) if home else None)
    return globals()["defs"]  # type: ignore[no-any-return]
