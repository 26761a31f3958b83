"""How a ranker's features are made: kept beside the saved ranker, so that serving makes the same ones without a configuration."""

from datetime import date
from pathlib import Path

from pydantic import ValidationError

from nightshift.errors import IntegrityError
from nightshift.features.settings import FeatureSettings

RECIPE_FILE = "recipe.json"


def save_recipe(folder: Path, settings: FeatureSettings) -> None:
    """Write the settings that a ranker's training rows were built with into its folder."""
    (folder / RECIPE_FILE).write_text(settings.model_dump_json(indent=1), "utf-8")


def load_recipe(folder: Path) -> FeatureSettings:
    """The settings beside a saved ranker, the defaults where there are none. Raises IntegrityError when they cannot be read."""
    path = folder / RECIPE_FILE
    if not path.exists():
        return FeatureSettings()
    try:
        return FeatureSettings.model_validate_json(path.read_text("utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise IntegrityError(f"{path} cannot be read by this version ({error}); train again: nightshift train") from error


def saved_rankers(home: Path, name: str) -> dict[date, Path]:
    """Folders of a saved ranker (`lightgbm-llm`) by their night."""
    folders = (home / "models" / name).glob("as_of=*/")
    return {date.fromisoformat(path.name.removeprefix("as_of=")): path for path in sorted(folders)}


def newest_recipe(home: Path) -> FeatureSettings:
    """The settings of the ranker trained last, the defaults where none was."""
    recipes = sorted((home / "models").glob(f"*/as_of=*/{RECIPE_FILE}"), key=lambda path: (path.parent.name, path.parent.parent.name))
    return load_recipe(recipes[-1].parent) if recipes else FeatureSettings()
