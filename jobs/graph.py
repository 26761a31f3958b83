"""The whole graph for one nightshift.yaml: assets on their nights, jobs, schedules, the one resource.

Imports stay light (under two seconds, no torch, no Beam): models and pipelines load inside the assets that
use them.
"""

import pkgutil
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path

import dagster as dg

import assets
from assets.declare import TableAsset
from assets.enrichments import assets_of
from assets.resources import resource
from jobs.nights import WEEKLY_TABLES, nightly_enrichment, partitions, schedules, weekly_training
from jobs.run_locks import known_alive
from jobs.sensors import sensors
from nightshift.enrichments.registry import Registry
from nightshift.night.config import Settings, load_settings
from nightshift.night.schedule import NightsSettings


def build(config: Path, home: Path | None = None) -> dg.Definitions:
    """What Dagster loads for this configuration. Raises ConfigError when the file is missing or wrong."""
    settings = load_settings(config, home)
    hold = partial(known_alive, settings.home_folder / "dagster")
    return dg.Definitions(
        assets=on_nights(settings, declared_assets(settings.registry)),
        jobs=[nightly_enrichment, weekly_training],
        schedules=schedules(settings.nights),
        sensors=sensors(settings),
        resources={"nightshift": resource(config.resolve(), home.resolve() if home else None, hold)},
        executor=dg.in_process_executor,
    )


def on_nights(settings: Settings, tables: Sequence[TableAsset]) -> list[dg.AssetsDefinition]:
    """The assets on their nights; nightly ones turn overdue; a backfill of many nights is one run that
    loads its model once."""
    nights, overdue = partitions(settings.nights), freshness(settings.nights)

    def placed(spec: dg.AssetSpec) -> dg.AssetSpec:
        fresh = overdue if spec.key.to_user_string() not in WEEKLY_TABLES else None
        return spec.replace_attributes(
            partitions_def=nights, freshness_policy=fresh, owners=list(settings.owners)
        )

    loaded = [declared.on(settings.registry) for declared in tables]
    one_run = [asset.with_attributes(backfill_policy=dg.BackfillPolicy.single_run()) for asset in loaded]
    return list(dg.map_asset_specs(placed, one_run))


def freshness(nights: NightsSettings) -> dg.FreshnessPolicy | None:
    """When a nightly table is overdue; a replay of old data never is."""
    if nights.overdue_after_hours is None or nights.last is not None:
        return None
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=nights.overdue_after_hours))


def declared_assets(registry: Registry) -> list[TableAsset]:
    """Every table's asset: those of the modules of `assets`, and one for each enrichment."""
    modules = [import_module(f"assets.{found.name}") for found in pkgutil.iter_modules(assets.__path__)]
    fixed = [each for module in modules for each in vars(module).values() if isinstance(each, TableAsset)]
    return [*fixed, *assets_of(registry)]
