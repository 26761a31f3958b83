"""The one resource of the graph: the configuration, from which every night starts."""

from datetime import date
from pathlib import Path

import dagster as dg

from nightshift.config import Settings, load_settings
from nightshift.night import Night


class Nightshift(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where nightshift.yaml is. Holds paths only: nothing secret can reach a run's configuration."""

    config: str = "nightshift.yaml"
    """Path of nightshift.yaml."""
    home: str | None = None
    """Home folder, when it is not the one nightshift.yaml names."""

    def settings(self) -> Settings:
        """The settings, read afresh."""
        return load_settings(Path(self.config), Path(self.home) if self.home else None)

    def night(self, context: dg.AssetExecutionContext) -> Night:
        """The night of the running partition."""
        return Night(self.settings(), date.fromisoformat(context.partition_key), context.run.run_id[:8])
