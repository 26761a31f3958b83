"""Enrichments of a test's own beside ours, and nights of a shop that knows them."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from assets.enrichments import assets_of
from jobs.graph import declared_assets
from jobs.nights import partitions
from nightshift.enrichments.base import Enrichment
from nightshift.enrichments.registry import Registry, built_in, registry_of
from nightshift.night.config import EnrichmentSettings, Settings
from nightshift.night.night import Night


class Own(Settings):
    """Settings whose registry holds more than ours."""

    mine: tuple[Any, ...] = ()

    @property
    def declared(self) -> Registry:
        """Ours and the test's."""
        return registry_of([*built_in().values(), *self.mine])


def with_own(settings: Settings, *mine: Enrichment[Any], **blocks: dict[str, Any]) -> Own:
    """The settings with more enrichments; `blocks` are their own settings by name."""
    known = {name: getattr(settings, name) for name in Settings.model_fields}
    return Own.model_construct(**known | {"enrichments": EnrichmentSettings(**blocks), "mine": mine})


@dataclass(frozen=True)
class Nights:
    """What assets ask for in place of a nightshift.yaml."""

    own: Own

    def night(self, context: dg.AssetExecutionContext) -> Night:
        """The night of the running partition."""
        return Night(self.own, date.fromisoformat(context.partition_key), context.run.run_id[:8])


def run(own: Own, night: date, *tables: str, fails: bool = False) -> dg.ExecuteInProcessResult:
    """Materialize tables of one night in this process."""
    registry = own.registry
    wanted = [each for each in declared_assets(registry) if each.table.name in tables]
    missing = set(tables) - {each.table.name for each in wanted}
    assert not missing, (
        f"no asset is called {missing}; there are {[e.table.name for e in assets_of(registry)]}"
    )
    placed = dg.map_asset_specs(
        lambda spec: spec.replace_attributes(partitions_def=partitions(own.nights)),
        [each.on(registry) for each in wanted],
    )
    done = dg.materialize(
        list(placed),
        resources={"nightshift": Nights(own)},
        partition_key=str(night),
        raise_on_error=not fails,
    )
    assert done.success is not fails
    return done
