"""A Dask cluster for one step: the one at an address, or one of our own on this machine."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from nightshift.errors import ConfigError
from nightshift.night.config import BeamSettings
from pipelines.workers import environment, threads_each

QUIET = {"DASK_LOGGING__DISTRIBUTED": "warning"}
"""Dask's workers tell every connection they open; warnings stay."""


@contextmanager
def cluster(settings: BeamSettings) -> Iterator[str]:
    """The scheduler's address. A cluster of ours is closed when the block ends.

    Its workers have one thread each, for they hold one model each. Raises ConfigError when Dask is not
    installed.
    """
    try:
        from distributed import LocalCluster
    except ImportError as error:
        raise ConfigError(
            f"{error.name} is missing; install nightshift[dask] for beam.runner DaskRunner"
        ) from error
    if settings.address is not None:
        yield settings.address
        return
    logging.getLogger("distributed").setLevel(logging.WARNING)
    with (
        environment(threads_each(settings.threads_of_a_worker) | QUIET),
        LocalCluster(
            n_workers=settings.workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as ours,
    ):
        yield ours.scheduler_address
