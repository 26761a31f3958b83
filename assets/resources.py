"""The one resource of the graph: the configuration, from which every night starts."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from assets.launchpad import run_config
from nightshift.night.config import Settings, load_settings
from nightshift.night.night import Night
from nightshift.night.overrides import overridden

GIVEN = "nightshift/settings"
"""Tag of a run that was given settings of its own: what it was given, as JSON."""


@dataclass(frozen=True)
class Configured:
    """Where nightshift.yaml is, and what one run was given instead. Nothing secret is in it."""

    config: Path
    """Path of nightshift.yaml."""
    home: Path | None = None
    """Home folder, when it is not the one nightshift.yaml names."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """Settings of this run only, as `nightshift.night.overrides` takes them."""

    files: tuple[Path, ...] = ()
    """Files of enrichments beside those that nightshift.yaml names."""

    def settings(self) -> Settings:
        """The settings, read afresh. Raises ConfigError for a file, or a value of the run, that is wrong."""
        settings = load_settings(self.config, self.home).with_files(self.files)
        return overridden(settings, self.given) if self.given else settings

    def night(self, context: dg.AssetExecutionContext) -> Night:
        """The night of the running partition."""
        return Night(self.settings(), date.fromisoformat(context.partition_key), context.run.run_id[:8])


Nightshift = dg.ResourceParam[Configured]
"""How an asset asks for the resource `nightshift`."""


Hold = Callable[[dg.DagsterRun], AbstractContextManager[object]]
"""What is held as long as a run goes on."""


def resource(
    config: Path, home: Path | None = None, hold: Hold = nullcontext, files: tuple[Path, ...] = ()
) -> dg.ResourceDefinition:
    """The resource `nightshift` of a nightshift.yaml. A run can be given settings; where its tables lie it
    cannot."""

    def open_for_a_run(context: dg.InitResourceContext) -> Iterator[Configured]:
        given = context.resource_config or {}
        if given and context.run and context.instance:
            context.instance.add_run_tags(context.run.run_id, {GIVEN: json.dumps(given)})
        with hold(context.run) if context.run else nullcontext():
            yield Configured(config, home, given, files)

    return dg.ResourceDefinition(open_for_a_run, run_config(), description=f"The settings in {config}.")
