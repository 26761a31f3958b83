"""`nightshift train`: build training rows and train every arm."""

from pathlib import Path

from jobs.commands.options import AsOf, Config, Home, begun, settings_of
from nightshift.night.config import CONFIG_NAME
from nightshift.night.night import Night


def train(config: Config = Path(CONFIG_NAME), home: Home = None, as_of: AsOf = None) -> None:
    """Build training rows from all nights so far, train every arm, and say in words what the features are
    worth."""
    from jobs.running import run_job
    from jobs.show import show_training

    settings = settings_of(config, home)
    night = begun(settings, as_of)
    run_job(config, home, settings, "weekly_training", night)
    show_training(Night(settings, night))
