"""Where batches are worked off: in this process, in several, on a Dask cluster, or on whatever a Beam job
service serves.

One line of nightshift.yaml chooses (`beam`); content keys and tables are the same everywhere.
"""

import importlib.util
import socket
from collections.abc import Callable, Iterable

import polars as pl

from nightshift.errors import ConfigError, NightFailed, NightshiftError
from nightshift.night.config import BeamSettings, Settings
from pipelines.dask import cluster
from pipelines.pipeline import Task, last_line, run_pipeline
from pipelines.processes import in_processes
from pipelines.work import Place, laid_out

DASK = "apache_beam.runners.dask.dask_runner.DaskRunner"
REACH_SECONDS = 10.0
"""How long a scheduler or job service may take to accept a connection."""


def do_all(settings: Settings, run_id: str, batches: Iterable[pl.DataFrame], task: Task) -> None:
    """Do every batch on the configured runner. Raises what the task raised, or NightFailed when it was
    raised elsewhere."""
    with laid_out(settings.home_folder, run_id, batches) as places:
        _RUNNERS[settings.beam.runner](settings.beam, places, task)


def _direct(settings: BeamSettings, places: list[Place], task: Task) -> None:
    """Beam's in-process runner by its own name: `DirectRunner` would first try to download the Prism
    binary."""
    workers = min(settings.workers, len(places))
    if workers > 1:
        in_processes(settings.model_copy(update={"workers": workers}), places, task)
    else:
        run_pipeline(
            "FnApiRunner", ["--direct_running_mode=in_memory", *settings.options], places, task, dealt=False
        )


def _dask(settings: BeamSettings, places: list[Place], task: Task) -> None:
    """One Dask task a batch: a worker that dies takes no finished neighbours along."""
    if settings.address is not None:
        _reach(settings.address)
    with cluster(settings) as address:
        options = [f"--dask_client_address={address}", "--dask_partition_size=1", *settings.options]
        _told(lambda: run_pipeline(DASK, options, places, task))


def _portable(settings: BeamSettings, places: list[Place], task: Task) -> None:
    _reach(settings.address or "")
    options = [f"--job_endpoint={settings.address}", *settings.options]
    if not any(option.startswith("--environment_type") for option in options):
        options.append("--environment_type=LOOPBACK")  # batches come back to this process
    _told(lambda: run_pipeline("PortableRunner", options, places, task))


def _dataflow(settings: BeamSettings, places: list[Place], task: Task) -> None:
    if importlib.util.find_spec("google.cloud") is None:
        raise ConfigError(
            "beam.runner DataflowRunner needs Google's client libraries; install 'apache-beam[gcp]'"
        )
    _told(lambda: run_pipeline("DataflowRunner", list(settings.options), places, task))


def _reach(address: str) -> None:
    """Ask at the door first: the runners themselves wait for minutes. Raises ConfigError for an address
    without a port."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(
            f"beam.address is {address!r}; write it like localhost:8099 or tcp://scheduler:8786"
        )
    try:
        socket.create_connection((host, int(port)), timeout=REACH_SECONDS).close()
    except OSError as error:
        raise NightFailed(
            f"nobody answers at beam.address {address}: {error}; is the scheduler or job service running?"
        ) from error


def _told(run: Callable[[], None]) -> None:
    """Turn what a runner makes of a failure far away into one readable line; the details stay in the
    cause."""
    try:
        run()
    except NightshiftError:
        raise
    except Exception as error:
        raise NightFailed(
            f"the runner failed: {last_line(str(error))}; run the night again, it asks only for what "
            f"is missing"
        ) from error


_RUNNERS: dict[str, Callable[[BeamSettings, list[Place], Task], None]] = {
    "DirectRunner": _direct,
    "DaskRunner": _dask,
    "PortableRunner": _portable,
    "DataflowRunner": _dataflow,
}
