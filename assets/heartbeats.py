"""Where heartbeats go: a line in the run's log, and the file that `nightshift watch` shows. And which step
of a run is at work."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg

from nightshift.night.heartbeat import Beat
from nightshift.night.night import Night
from nightshift.night.progress import Progress
from nightshift.tables import Table

Body = Callable[..., Iterator[Any]]


def progress_of(night: Night) -> Progress:
    """The progress file of this night and run."""
    return Progress(night.settings.home_folder, night.as_of, night.run_id)


class Teller:
    """Takes the heartbeats of one table; the rounds in which it is asked are told as one count."""

    def __init__(self, context: dg.AssetExecutionContext, night: Night) -> None:
        self._context, self._progress = context, progress_of(night)
        self._earlier: Beat | None = None
        self._newest: Beat | None = None
        self._logged: tuple[int, int] | None = None

    def new_round(self) -> "Teller":
        """What was told so far stands; the next beats begin at zero."""
        self._earlier = self._newest
        return self

    def __call__(self, beat: Beat) -> None:
        """Keep the beat, and log it where it counts more than the last one that was logged."""
        self._newest = beat.after(self._earlier)
        counted = self._newest.done, self._newest.total
        if counted != self._logged:
            self._logged = counted
            self._context.log.info(self._newest.line(), extra=self._newest.extra())
        self._progress.beat(self._newest)


def told(table: Table, body: Body) -> Body:
    """The body of an asset, which says in the progress file that it began, how many rows it gave, or why
    it failed."""

    @functools.wraps(body)
    def step(context: dg.AssetExecutionContext, *args: Any, **kwargs: Any) -> Iterator[Any]:
        night: Night = (
            kwargs["nightshift"].night(context) if "nightshift" in kwargs else args[0].night(context)
        )
        with progress_of(night).step(
            table.name,
            context.run.job_name,
            _tables(context),
            lambda: night.store.manifest(table, night.as_of).rows,
        ):
            yield from body(context, *args, **kwargs)

    return step


def _tables(context: dg.AssetExecutionContext) -> tuple[str, ...]:
    """What the run publishes, inputs first."""
    layer = context.op_execution_context.job_def.asset_layer
    wanted = context.run.asset_selection or layer.executable_asset_keys
    return tuple(key.to_user_string() for key in layer.asset_graph.toposorted_asset_keys if key in wanted)
