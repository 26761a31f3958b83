"""The demo: MovieLens-100K replayed as three nights through the real jobs, then the proof, then what it
all came to.

With a recording, the sentences and tags are those that a larger model wrote elsewhere, and cost nothing:
the same story in a home of its own, `.nightshift-recorded`, configuration included.
"""

import shutil
import time
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path

from rich.rule import Rule

from jobs.console import console
from jobs.planning import next_night, plan_night
from jobs.running import run_job
from jobs.show import most_seen, show_item, show_plan, show_training, show_user, show_written
from nightshift.errors import ConfigError
from nightshift.night.config import CONFIG_NAME, Settings, load_settings
from nightshift.night.night import Night
from nightshift.sources.datasets.movielens import load, write_sources
from nightshift.tables import ITEM_FACTS, USER_PREFERENCES

NIGHTS = (date(1997, 10, 8), date(1998, 1, 13), date(1998, 4, 23))
"""A tenth of the ratings, six tenths (where training ends), and all of them."""
TEMPLATE, RECORDED_TEMPLATE = "demo.yaml", "demo-recorded.yaml"
RECORDED_HOME = ".nightshift-recorded"
"""Folder, inside the demo's, of everything that the recorded demo reads and writes."""
RECORDING = Path(__file__).resolve().parents[1] / "examples" / "recorded" / "movielens_100k_qwen.parquet"
"""What the larger model said of each film: `item_id`, `answer`. Part of a checkout, not of an installed
package."""


def run_demo(folder: Path) -> None:
    """Everything from an empty folder to the lift in words. Running it again continues where it stopped."""
    replay(prepare(folder))


def run_recorded_demo(folder: Path, recording: Path = RECORDING) -> None:
    """The same with recorded answers. Raises ConfigError when the recording is not there."""
    if not recording.is_file():
        raise ConfigError(
            f"{recording} is not there: the recorded answers come with a checkout of the repository; "
            f"run the demo from one"
        )
    config = prepare(folder / RECORDED_HOME, RECORDED_TEMPLATE)
    settings = load_settings(config)
    shutil.copyfile(recording, settings.root / str(settings.llm.recorded.tables[ITEM_FACTS.name].path))
    replay(config)


def replay(config: Path) -> None:
    """The nights, the training, the last screen."""
    started = time.monotonic()
    settings = load_settings(config)
    for as_of in NIGHTS:
        run_job(config, None, settings, "nightly_enrichment", as_of)
    run_job(config, None, settings, "weekly_training", NIGHTS[-1])
    tell(Night(settings, NIGHTS[-1]), time.monotonic() - started)


def prepare(folder: Path, template_name: str = TEMPLATE) -> Path:
    """Configuration and source files, where they are not there yet. Raises ConfigError when the folder
    holds another configuration."""
    config = folder / CONFIG_NAME
    template = files("jobs").joinpath(template_name).read_text("utf-8")
    if config.exists() and config.read_text("utf-8") != template:
        raise ConfigError(f"{config} is not the demo's; name an empty folder: nightshift demo --folder demo")
    folder.mkdir(parents=True, exist_ok=True)
    config.write_text(template, "utf-8")
    settings = load_settings(config)
    sources = (settings.root / settings.sources.items.path).parent
    if not (sources / "interactions.parquet").exists():
        console.print("reading MovieLens-100K [dim](GroupLens; for research use, not redistributed)[/dim]")
        write_sources(load("ml-100k", settings.cache_folder), sources)
    return config


def tell(night: Night, seconds: float) -> None:
    """The last screen: what was written, what it reads like, what it was worth, what the next night costs."""
    console.print(Rule("what was written where"))
    show_written(night)
    console.print(Rule("what the model wrote"))
    for item in most_seen(night, 2):
        show_item(night, item)
    for user in _written_user(night):
        show_user(night, user)
    console.print(Rule("what it was worth"))
    show_training(night)
    console.print(Rule("what the next night would cost: only what this one deferred"))
    show_plan(plan_night(next_night(night)))
    if night.settings.llm.is_recorded:
        _say_recorded(night)
    else:
        _say_budget(night.settings)
    config = night.settings.root / CONFIG_NAME
    see = f"nightshift ui --config {config}" if night.settings.llm.is_recorded else "make ui"
    console.print(
        f"\nDone in {seconds:.0f} s ({datetime.now(UTC):%H:%M} UTC). Next: [bold]{see}[/bold] to see "
        f"the nights in Dagster, or"
    )
    console.print(
        f"  pl.scan_parquet('{night.store.folder('item_features', night.as_of)}/part-*.parquet')",
        markup=False,
    )


def _written_user(night: Night) -> list[str]:
    rows = night.store.read(USER_PREFERENCES, night.as_of)
    return (
        rows.filter(rows["origin"] == "llm")
        .sort("history_length", "user_id", descending=True)["user_id"]
        .head(1)
        .to_list()
    )


def _say_budget(settings: Settings) -> None:
    limits = ", ".join(
        f"{tokens:,} tokens a night for {table}" for table, tokens in settings.budget.tables.items()
    )
    console.print(
        f"[dim]The demo's budget buys prose for the most-seen rows only ({limits}); the others carry "
        f"their group's sentence or a "
        "template, marked in `origin`, and are first in line the next night. A sentence that another "
        "film has is not taken: it is asked for once more, then left. Every item has its tag "
        "scores.[/dim]"
    )


def _say_recorded(night: Night) -> None:
    origins = dict(
        night.store.read(ITEM_FACTS, night.as_of).group_by("origin").len().sort("origin").iter_rows()
    )
    by = ", ".join(f"{count:,} {origin}" for origin, count in origins.items())
    console.print(
        f"[dim]Nothing was asked: the sentences and tags are what {night.identity.model_id} said once "
        f"(items by origin: {by}). It was "
        "asked about films only, so users carry templates; a recording cannot score, so there are no "
        "tag scores and hidden states.[/dim]"
    )
