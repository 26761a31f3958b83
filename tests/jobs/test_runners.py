"""Whole nights on every runner: the same keys, the same tables, nothing paid twice."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from distributed import LocalCluster

from nightshift.sources.datasets.synthetic import SyntheticSettings, make_world
from tests.faults import nights
from tests.shop import Shop, open_shop
from tests.web_server import free_port

pytestmark = [pytest.mark.loopback, pytest.mark.slow]


def small(folder: Path, **beam: Any) -> Shop:
    world = make_world(SyntheticSettings(seed=7, n_users=12, n_items=24, days=30))
    return open_shop(folder, world, beam={"batch_rows": 12} | beam)


def night(shop: Shop) -> tuple[dict[str, pl.DataFrame], list[str]]:
    """The tables of the first night and every key it paid for, as often as it paid."""
    assert nights.run_here(shop, shop.nights()[0]) == ""
    home = shop.folder / ".nightshift"
    return nights.tables(home, shop.nights()[0]), sorted(nights.paid(home)["content_key"])


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, pl.DataFrame], list[str]]:
    """The night in this process."""
    return night(small(tmp_path_factory.mktemp("here")))


@pytest.fixture
def dask() -> Iterator[str]:
    """The address of a Dask cluster with two workers."""
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def job_service() -> Iterator[str]:
    """The address of Beam's own job service, in a process of its own."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "apache_beam.runners.portability.local_job_service_main",
        "--port",
        str(port),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as service:
        while service.poll() is None and not answers(port):
            time.sleep(0.1)
        yield f"127.0.0.1:{port}"
        service.kill()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_night_on_two_processes_is_the_night_in_one(tmp_path: Path, here: Any) -> None:
    tables, paid = night(small(tmp_path, workers=2))
    assert (nights.differences(tables, here[0]), paid) == ([], here[1])


def test_a_night_on_a_dask_cluster_is_the_night_in_one_process(tmp_path: Path, here: Any, dask: str) -> None:
    tables, paid = night(small(tmp_path, runner="DaskRunner", address=dask))
    assert (nights.differences(tables, here[0]), paid) == ([], here[1])


def test_a_night_through_a_beam_job_service_is_the_night_in_one_process(
    tmp_path: Path, here: Any, job_service: str
) -> None:
    tables, paid = night(small(tmp_path, runner="PortableRunner", address=job_service))
    assert (nights.differences(tables, here[0]), paid) == ([], here[1])
