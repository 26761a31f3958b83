"""The whole graph for one nightshift.yaml: assets on their nights, jobs, schedules, the one resource.

Imports stay light (under two seconds, no torch, no Beam): models and pipelines load inside the assets that use them.
"""

from pathlib import Path

import dagster as dg

import assets
from assets.resources import Nightshift
from jobs.nights import nightly_enrichment, partitions, schedules, weekly_training
from nightshift.config import Settings, load_settings


def build(config: Path, home: Path | None = None) -> dg.Definitions:
    """What Dagster loads for this configuration. Raises ConfigError when the file is missing or wrong."""
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
