"""`nightshift report`: where a training night's report is, and its table."""

from pathlib import Path

from jobs.commands.options import AsOf, Config, Home, published
from nightshift.night.config import CONFIG_NAME


def report(config: Config = Path(CONFIG_NAME), home: Home = None, as_of: AsOf = None) -> None:
    """Where the report of a training night is (one HTML page that needs no network), and its table. Calls
    no model."""
    from jobs.show import show_training
    from nightshift.tables import LIFT

    show_training(published(config, home, as_of, LIFT.name, "nightshift train"))
