"""How a ranker's features are made: kept beside the saved ranker, so that serving makes the same ones
without a configuration."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from nightshift.errors import ConfigError, IntegrityError
from nightshift.features.candidates.settings import CandidateSettings
from nightshift.features.content_spec import ContentSpec, first_spec
from nightshift.features.settings import FeatureSettings
from nightshift.storage.durable import replaced

if TYPE_CHECKING:
    from nightshift.rankers.base import Ranker

RECIPE_FILE = "recipe.json"
CANDIDATES_FILE = "candidates.json"
CONTENT_FILE = "content.json"
Kept = TypeVar("Kept", bound=BaseModel)


def save_recipe(
    folder: Path,
    settings: FeatureSettings,
    candidates: CandidateSettings | None = None,
    spec: ContentSpec | None = None,
) -> None:
    """Write the settings that a ranker's training rows were built with into its folder; `candidates` where a
    stage gave them, `spec` where they read of a night what was not always read."""
    if spec is not None and spec != first_spec():
        (folder / CONTENT_FILE).write_text(spec.to_json(), "utf-8")
    (folder / RECIPE_FILE).write_text(settings.model_dump_json(indent=1), "utf-8")
    if candidates is not None:
        (folder / CANDIDATES_FILE).write_text(candidates.model_dump_json(indent=1), "utf-8")


def save_ranker(
    home: Path,
    ranker: "Ranker",
    arm: str,
    as_of: date,
    settings: FeatureSettings,
    candidates: CandidateSettings | None = None,
    spec: ContentSpec | None = None,
) -> None:
    """Keep a ranker with its recipe in `<home>/models/<ranker>-<arm>/as_of=<night>`, whole or not at all:
    who loads it meanwhile, or after a kill, finds the one before."""
    with replaced(home / "models" / f"{ranker.name}-{arm}" / f"as_of={as_of}") as folder:
        ranker.save(folder)
        save_recipe(folder, settings, candidates, spec)


def load_recipe(folder: Path) -> FeatureSettings:
    """The settings beside a saved ranker, the defaults where there are none. Raises IntegrityError when
    they cannot be read."""
    return _read(folder / RECIPE_FILE, FeatureSettings) or FeatureSettings()


def load_candidates(folder: Path) -> CandidateSettings | None:
    """Those of its candidate stage, None where there was none; where they say nothing of recency, all events
    of a history weighed alike. Raises IntegrityError when they cannot be read."""
    found = _read(folder / CANDIDATES_FILE, CandidateSettings)
    if found is None or "recency" in found.model_fields_set:
        return found
    return found.model_copy(update={"recency": None})


def load_content(folder: Path) -> ContentSpec:
    """What its features read of a night; where nothing is said, what rankers read before they said so.
    Raises IntegrityError when it cannot be read."""
    path = folder / CONTENT_FILE
    if not path.exists():
        return first_spec()
    try:
        return ContentSpec.of_json(path.read_text("utf-8"))
    except (IntegrityError, ConfigError, UnicodeDecodeError) as error:
        raise IntegrityError(f"{path}: {error}; train again: nightshift train") from error


def _read(path: Path, kind: type[Kept]) -> Kept | None:
    if not path.exists():
        return None
    try:
        return kind.model_validate_json(path.read_text("utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise IntegrityError(
            f"{path} cannot be read by this version ({error}); train again: nightshift train"
        ) from error


def saved_rankers(home: Path, name: str) -> dict[date, Path]:
    """Folders of a saved ranker (`lightgbm-llm`) by their night."""
    folders = (home / "models" / name).glob("as_of=*/")
    return {date.fromisoformat(path.name.removeprefix("as_of=")): path for path in sorted(folders)}


def newest_recipe(home: Path) -> tuple[FeatureSettings, ContentSpec]:
    """The settings of the ranker trained last and what it reads, the defaults where none was."""
    recipes = sorted(
        (home / "models").glob(f"*/as_of=*/{RECIPE_FILE}"),
        key=lambda path: (path.parent.name, path.parent.parent.name),
    )
    if not recipes:
        return FeatureSettings(), first_spec()
    return load_recipe(recipes[-1].parent), load_content(recipes[-1].parent)
