"""nightshift.yaml, with `NIGHTSHIFT_*` overrides, as one frozen object. Unknown keys are refused with the
nearest known one."""

import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from nightshift.enrichments.base import Enrichment
from nightshift.enrichments.features import content_spec
from nightshift.enrichments.item_facts.settings import FactsSettings
from nightshift.enrichments.item_tag_scores.settings import TagSettings
from nightshift.enrichments.registry import Registry, built_in, enabled, registry_with
from nightshift.enrichments.user_preferences.settings import PreferencesSettings
from nightshift.errors import ConfigError, meant
from nightshift.features.candidates.settings import COLLABORATIVE
from nightshift.features.settings import CodesSettings, ExampleSettings
from nightshift.lift.settings import LiftSettings
from nightshift.models.encoders import EncoderSettings
from nightshift.models.llm import LLMSettings
from nightshift.night.alerts import AlertSettings
from nightshift.night.checks.settings import CheckSettings
from nightshift.night.plan import BudgetSettings
from nightshift.night.schedule import NightsSettings
from nightshift.sources import SourcesSettings
from nightshift.storage.yaml_text import read_yaml

CONFIG_NAME = "nightshift.yaml"
OWNER = re.compile(r"team:.+|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")
"""What Dagster takes as an owner of an asset."""


class BeamSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Where batches are worked off. Nothing here changes an answer, a content key or a table.
    docs/scale.md helps to choose."""

    runner: Literal["DirectRunner", "DaskRunner", "PortableRunner", "DataflowRunner"] = "DirectRunner"
    """`DirectRunner` works on this machine, `DaskRunner` on a Dask cluster, `PortableRunner` on whatever a
    Beam job service serves (Flink, Spark), `DataflowRunner` on Google Cloud. Workers need the home under
    the same path."""
    workers: int = Field(1, ge=1)
    """Worker processes that we start, each with a model of its own: `DirectRunner` with 1 works in this
    process; `DaskRunner` without an address starts its own cluster on this machine. Other runners bring
    their workers. Changes speed only."""
    threads: int | None = Field(None, ge=1)
    """Threads of the model in each worker process that we start. None: the machine's cores, shared
    equally. Changes speed only."""
    address: str | None = None
    """`DaskRunner`: the scheduler, `tcp://host:8786`; None: a cluster of our own. `PortableRunner`: the
    job service, `host:8099`."""
    options: tuple[str, ...] = ()
    """Options passed to Beam as they are, `[--project=shop, --region=europe-west1]`; the runner's own
    documentation names them."""
    batch_rows: int = Field(128, ge=1)
    """Rows in one Beam element, one model batch and one ledger part. A kill loses at most one a worker.
    Changes speed only."""

    @field_validator("runner", mode="before")
    @classmethod
    def _no_download(cls, runner: object) -> object:
        if runner == "PrismRunner":
            raise ValueError(
                "PrismRunner downloads a program from the internet when it runs; take DirectRunner, "
                "it is as fast here"
            )
        return runner

    @model_validator(mode="after")
    def _consistent(self) -> "BeamSettings":
        if self.runner == "PortableRunner" and self.address is None:
            raise ValueError(
                "PortableRunner needs beam.address, the job service's host and port, such as localhost:8099"
            )
        if self.runner in ("DirectRunner", "DataflowRunner") and self.address is not None:
            raise ValueError(
                f"{self.runner} has no beam.address (given: {self.address}); leave it out, or take "
                f"DaskRunner or PortableRunner"
            )
        if self.workers > 1 and (
            self.runner in ("PortableRunner", "DataflowRunner") or self.address is not None
        ):
            raise ValueError(
                f"beam.workers ({self.workers}) is for processes started here; {self.runner} brings "
                f"its own, leave it out"
            )
        return self

    @property
    def threads_of_a_worker(self) -> int:
        """Threads of one of our worker processes."""
        return self.threads or max(1, (os.cpu_count() or 1) // self.workers)


class EnrichmentSettings(BaseModel, extra="allow", frozen=True, use_attribute_docstrings=True):
    """Enrichments of your own, and the settings of every enrichment under its name."""

    folder: str | None = None
    """Folder beside nightshift.yaml with a file for each enrichment of your own, `NAME.yaml` or `NAME.py`.
    A Python file runs as code of yours. None: only those that come with Nightshift and with installed
    packages."""

    files: tuple[str, ...] = ()
    """Further files of that kind, wherever they lie: the `defs.yaml` of a Dagster component, for one."""

    def block(self, name: str) -> dict[str, Any]:
        """What is set for an enrichment by its name."""
        return dict((self.model_extra or {}).get(name) or {})


class _Environment(EnvSettingsSource):
    """`NIGHTSHIFT_*` variables. A block is JSON, in which no key may stand twice either."""

    def decode_complex_value(self, field_name: str, field: Any, value: Any) -> Any:
        return json.loads(value, object_pairs_hook=_each_once)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    twice = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
    if twice:
        raise ConfigError(f"a NIGHTSHIFT_ variable holds key {twice[0]!r} twice; keep one of them")
    return dict(pairs)


class Settings(BaseSettings):
    """Everything Nightshift can be told."""

    model_config = SettingsConfigDict(
        env_prefix="NIGHTSHIFT_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    sources: SourcesSettings
    """Your catalogue and events."""
    nights: NightsSettings
    """Which nights there are, when they start, how long they are kept."""
    llm: LLMSettings = LLMSettings()
    """The language model."""
    encoder: EncoderSettings = EncoderSettings()
    """The text encoder."""
    tags: TagSettings = TagSettings()
    """The closed vocabulary that is scored."""
    facts: FactsSettings = FactsSettings()
    """How items are described."""
    preferences: PreferencesSettings = PreferencesSettings()
    """How user histories are read."""
    enrichments: EnrichmentSettings = EnrichmentSettings()
    """What else models and fits add to what is known."""
    budget: BudgetSettings = BudgetSettings()
    """What a night may spend."""
    codes: CodesSettings = CodesSettings()
    """Semantic ids."""
    examples: ExampleSettings = ExampleSettings()
    """Features and splits of the training rows."""
    lift: LiftSettings = LiftSettings()
    """The ranker, the seeds and the intervals of the judgement."""
    checks: CheckSettings = CheckSettings()
    """What a night must satisfy."""
    beam: BeamSettings = BeamSettings()
    """Where batches run."""
    alerts: AlertSettings = AlertSettings()
    """Who is told when a night fails."""
    owners: tuple[str, ...] = ()
    """Who answers for the tables, shown on every asset: `[team:ranking, ana@shop.example]`, a team or an
    e-mail address each. Changes no table."""
    home: Path | None = None
    """Folder of tables, ledger, models and reports. None: `.nightshift` beside nightshift.yaml."""
    cache: Path = Path("~/.cache/nightshift")
    """Folder of downloaded wheels and prepared weights, shared by all homes."""
    root: Path = Path()
    """Folder of nightshift.yaml; relative paths start here. Set by `load_settings`."""

    @field_validator("owners")
    @classmethod
    def _as_dagster_reads_them(cls, owners: tuple[str, ...]) -> tuple[str, ...]:
        for owner in owners:
            if not OWNER.fullmatch(owner):
                raise ValueError(
                    f"{owner!r} is no owner; write team:NAME, as in team:ranking, or an e-mail address"
                )
        return owners

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        return _Environment(settings_cls), init_settings

    @field_validator("home", "cache", mode="before")
    @classmethod
    def _named(cls, folder: object) -> object:
        if isinstance(folder, str) and not folder.strip():
            raise ValueError("an empty path would be the current folder; name a folder, or leave it out")
        return folder

    @property
    def home_folder(self) -> Path:
        """The home, absolute. Raises ConfigError when the path leads nowhere."""
        return _absolute("home", self.root, self.home or Path(".nightshift"))

    @property
    def declared(self) -> Registry:
        """Every enrichment there is, those that are off among them."""
        folder = self.enrichments.folder
        files = [self.root / file for file in self.enrichments.files]
        return registry_with(self.root / folder if folder else None, files)

    @property
    def registry(self) -> Registry:
        """Every enrichment that is on, by name, in the order in which a night works."""
        return enabled(self.declared, self.of)

    def with_files(self, files: Sequence[Path]) -> "Settings":
        """The settings with further files of enrichments. Raises ConfigError for what is wrong in one."""
        if not files:
            return self
        more = (*self.enrichments.files, *map(str, files))
        block = self.enrichments.model_copy(update={"files": tuple(dict.fromkeys(more))})
        return _known(self.model_copy(update={"enrichments": block}), CONFIG_NAME)

    def of(self, each: Enrichment[Any]) -> BaseModel:
        """The settings of an enrichment. Raises ConfigError that names its block."""
        if each.block:
            return cast(BaseModel, getattr(self, each.block))
        try:
            return cast(BaseModel, each.settings.model_validate(self.enrichments.block(each.name)))
        except ValidationError as error:
            place = f"{CONFIG_NAME}: enrichments.{each.name}"
            raise ConfigError("\n".join(told(place, problem) for problem in error.errors())) from error

    @property
    def cache_folder(self) -> Path:
        """The cache, absolute. Raises ConfigError when the path leads nowhere."""
        return _absolute("cache", Path(), self.cache)


def _absolute(name: str, root: Path, folder: Path) -> Path:
    """The path with `~` and symlinks followed."""
    try:
        return (root / folder.expanduser()).resolve()
    except (RuntimeError, OSError) as error:  # no home of that user, symlinks in a circle, a name too long
        raise ConfigError(
            f"{name} {folder} leads nowhere: {error}; set {name} to the absolute path of a folder"
        ) from error


def refuse_empty(environment: Mapping[str, str]) -> None:
    """Raise ConfigError for a path in the environment that is empty: an unset variable of a script, which
    names nothing."""
    for name in ("NIGHTSHIFT_CONFIG", "NIGHTSHIFT_HOME", "NIGHTSHIFT_CACHE"):
        if name in environment and not environment[name].strip():
            raise ConfigError(f"{name} is empty; unset it, or give it a path")


def load_settings(path: Path, home: Path | None = None) -> Settings:
    """Read nightshift.yaml. A `home` given here wins over NIGHTSHIFT_HOME, and that over the file.

    Raises ConfigError that names the key, the value and the way out.
    """
    if not path.is_file():
        raise ConfigError(
            f"{path} is not there; `nightshift init` writes one for your files (docs/own_data.md), "
            f"--config names another"
        )
    try:
        raw = read_yaml(path.read_text("utf-8"), path.name) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path} must hold `key: value` lines, found a {type(raw).__name__}")
    refuse_unknown(Settings, raw, path.name)
    given = {"root": path.resolve().parent} | ({"home": _absolute("home", Path(), home)} if home else {})
    try:
        settings = Settings(**_by_block(raw, path.name)).model_copy(update=given)
    except ValidationError as error:
        hints = {problem["loc"]: _hint(problem, raw, path.resolve().parent) for problem in error.errors()}
        lines = [told(path.name, problem) + hints[problem["loc"]] for problem in error.errors()]
        raise ConfigError("\n".join(lines)) from error
    except SettingsError as error:
        raise ConfigError(
            f"a NIGHTSHIFT_ variable cannot be read: {error}; a block is JSON, one value is "
            f"NIGHTSHIFT_LLM__MODEL=..."
        ) from error
    _refuse_files(settings.home_folder)
    return _known(settings, path.name)


def _by_block(raw: dict[str, Any], place: str) -> dict[str, Any]:
    """The settings of our own enrichments under the blocks they have always had: `enrichments.item_facts`
    is `facts`."""
    blocks, rest = dict(raw), dict(raw.get("enrichments") or {})
    for each in built_in().values():
        if each.block and each.name in rest:
            if each.block in blocks:
                raise ConfigError(
                    f"{place}: {each.block!r} and 'enrichments.{each.name}' are one and the same; keep "
                    f"one of them"
                )
            blocks[each.block] = rest.pop(each.name)
    return blocks | ({"enrichments": rest} if rest or "enrichments" in raw else {})


def _known(settings: Settings, place: str) -> Settings:
    """The settings, once every name of an enrichment in them is one. Raises ConfigError with the nearest
    that is."""
    names = settings.declared
    for block, given in (
        ("enrichments", settings.enrichments.model_extra or {}),
        ("llm.recorded", settings.llm.recorded.tables),
        ("budget.tables", settings.budget.tables),
    ):
        for name in given:
            if name not in names:
                raise ConfigError(f"{place}: {block}: no enrichment is called {name!r}; {meant(name, names)}")
    for each in names.values():
        settings.of(each)
    _refuse_unknown_source(settings, place)
    return _with_their_budgets(settings, names)


def _with_their_budgets(settings: Settings, registry: Registry) -> Settings:
    """The settings with the token limits that declarations bring; what nightshift.yaml says counts."""
    said = {each.name: each.budget_tokens for each in registry.values() if each.budget_tokens is not None}
    if not said:
        return settings
    tables = said | settings.budget.tables
    return settings.model_copy(update={"budget": settings.budget.model_copy(update={"tables": tables})})


def _hint(problem: Any, raw: dict[str, Any], root: Path) -> str:
    """What to write where a block is missing that every configuration needs."""
    if problem["loc"] == ("sources",) and problem["type"] == "missing":
        return "; `nightshift init` writes it for your files (docs/own_data.md)"
    if problem["loc"] not in (("nights",), ("nights", "first")) or (
        problem["input"] is not None and problem["type"] != "missing"
    ):
        return ""
    from nightshift.sources.onboarding.missing import nights_block  # reads sources, which most loads need not

    return f"; {nights_block(raw.get('sources'), root)}"


def _refuse_files(home: Path) -> None:
    """Raise ConfigError for a home that is a file, or lies under one."""
    try:
        nearest = next(path for path in (home, *home.parents) if path.exists())
    except OSError as error:
        raise ConfigError(
            f"home {home} cannot be looked at: {error.strerror}; name another folder"
        ) from error
    if not nearest.is_dir():
        raise ConfigError(
            f"home {home}: {nearest} is a file, not a folder; name a folder: --home, NIGHTSHIFT_HOME "
            f"or `home`"
        )


def _refuse_unknown_source(settings: Settings, place: str) -> None:
    """Raise ConfigError for a source of candidates that is no collaborative one, no view of items and not
    what users' rows say."""
    known = (*COLLABORATIVE, *content_spec(settings.registry).sources)
    for name in settings.examples.candidates.sources:
        if name not in known:
            raise ConfigError(
                f"{place}: examples.candidates.sources: {name!r} is no source; {meant(name, known)}"
            )


def refuse_unknown(model: type[BaseModel], raw: dict[str, Any], place: str) -> None:
    """Raise ConfigError for the first key that the settings do not have, with the nearest that they have."""
    for key, value in raw.items():
        if key not in model.model_fields:
            if model.model_config.get("extra") == "allow":
                continue
            hint = meant(str(key), model.model_fields, "known keys:")
            raise ConfigError(f"{place}: unknown key {key!r}; {hint}")
        inner = model.model_fields[key].annotation
        if isinstance(value, dict) and isinstance(inner, type) and issubclass(inner, BaseModel):
            refuse_unknown(inner, value, f"{place}: {key}")


def told(place: str, problem: Any) -> str:
    """One of pydantic's complaints with the key, the value (unless it is secret) and where it was given."""
    where = ".".join(str(part) for part in problem["loc"])
    whole = problem["type"] == "value_error" and isinstance(
        problem["input"], (dict, BaseModel)
    )  # our own sentence on a block names its keys
    hidden = whole or problem["type"] == "missing" or "webhook" in problem["loc"]  # its address is a secret
    given = "" if hidden else f" (given: {str(problem['input'])[:80]!r})"
    return f"{place}: {where or 'the file'}: {problem['msg'].removeprefix('Value error, ')}{given}"
