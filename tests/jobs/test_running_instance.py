"""Where a run from the command line leaves what it prints."""

from pathlib import Path

from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager

from jobs.running import dagster_home, open_instance
from tests.shop import Shop

KEPT = """
compute_logs:
  module: dagster._core.storage.local_compute_log_manager
  class: LocalComputeLogManager
  config: {base_dir: printed}
"""


def test_what_a_run_prints_is_copied_only_where_dagster_yaml_says_where_to(shop: Shop) -> None:
    folder: Path = dagster_home(shop.night().settings)
    with open_instance(folder) as instance:
        assert isinstance(instance.compute_log_manager, NoOpComputeLogManager)
    told = folder / "dagster.yaml"
    told.write_text(told.read_text() + KEPT)
    with open_instance(folder) as instance:
        assert isinstance(instance.compute_log_manager, LocalComputeLogManager)
