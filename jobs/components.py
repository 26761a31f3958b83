"""An enrichment as a Dagster component: declared in a `defs.yaml` beside a team's own assets, in a code
location that is not ours.

    dg scaffold defs jobs.components.EnrichmentComponent occasion

writes a first file, `dg check yaml` holds it against the fields below, and the asset stands in that team's
graph. Its tables, ledger and budget are those of the nightshift.yaml that `config` names.
"""

import re
import textwrap
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal

import dagster as dg

from assets.enrichments import assets_of
from assets.resources import resource
from jobs.enrichments import first_file
from jobs.graph import on_nights
from jobs.run_locks import known_alive
from nightshift.errors import ConfigError
from nightshift.night.config import CONFIG_NAME, load_settings

__all__ = ["EnrichmentComponent"]
FILE = "defs.yaml"
OURS = re.compile(r"^type:\s*['\"]?[\w.]*EnrichmentComponent['\"]?\s*(#.*)?$", re.MULTILINE)
_NO_NAME = re.compile(r"[^a-z0-9]+")


class FirstFile(dg.Scaffolder[Any]):
    """Writes a commented declaration that works as it is."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """`<folder>/defs.yaml`; the folder's name is the table's."""
        if request.scaffold_format != "yaml":
            raise ConfigError("an enrichment is declared in YAML; leave out --format python")
        name = _NO_NAME.sub("_", request.target_path.name.lower()).strip("_")
        where = f"  config: {CONFIG_NAME}  # from the project's folder"
        head = f"type: {request.type_name}\n\nattributes:\n  name: {name}\n{where}\n"
        request.target_path.mkdir(parents=True, exist_ok=True)
        (request.target_path / FILE).write_text(head + textwrap.indent(first_file("item"), "  "), "utf-8")


@dg.scaffold_with(FirstFile)
class EnrichmentComponent(dg.Component, dg.Model, dg.Resolvable):
    """A table that a language model fills every night, from a prompt over the columns of your catalogue or
    your users' histories: closed choices or bounded answers, within a budget, nothing paid twice."""

    name: Annotated[str, dg.Resolver.default(description="The table and the asset.")]
    config: Annotated[str, dg.Resolver.default(description="nightshift.yaml, from the project's folder.")] = (
        CONFIG_NAME
    )
    about: Annotated[str, dg.Resolver.default(description="One sentence: the asset's description.")]
    entity: Annotated[
        Literal["item", "user", "group", "pair", "event"],
        dg.Resolver.default(description="What a row speaks of."),
    ]
    prompt: Annotated[
        str, dg.Resolver.default(description="Text of a row; {placeholders} are all that a model sees.")
    ]
    examples: Annotated[
        list[dict[str, Any]], dg.Resolver.default(description="Worked rows with what is to be answered.")
    ]
    choices: Annotated[list[Any] | None, dg.Resolver.default(description="Closed choices.")] = None
    answer: Annotated[dict[str, Any] | None, dg.Resolver.default(description="Bounded fields by name.")] = (
        None
    )
    form: Annotated[
        Literal["line", "json"] | None, dg.Resolver.default(description="How an answer is written.")
    ] = None
    fallback: Annotated[
        dict[str, Any] | None, dg.Resolver.default(description="What stands in for an answer.")
    ] = None
    embed: Annotated[
        str | None, dg.Resolver.default(description="A text over the answer for the encoder.")
    ] = None
    features: Annotated[list[Any] | None, dg.Resolver.default(description="What a ranker reads.")] = None
    budget: Annotated[dict[str, int] | None, dg.Resolver.default(description="{tokens: N} of one night.")] = (
        None
    )
    reads: Annotated[
        list[str] | None, dg.Resolver.default(description="Further tables of the same night.")
    ] = None
    version: Annotated[int | None, dg.Resolver.default(description="Raise it to ask every row again.")] = None

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Its asset on the nights of the configuration, with checks, pool and deps. Raises ConfigError with
        file and line."""
        files = beside(context.defs_module_path)
        config = (context.project_root / self.config).resolve()
        settings = load_settings(config).with_files(files)
        if self.name not in settings.registry:
            raise ConfigError(f"{context.path}: {self.name!r} must be declared in {FILE}, not in Python")
        (mine,) = (one for one in assets_of(settings.registry) if one.table.name == self.name)
        return dg.Definitions(
            assets=on_nights(settings, [mine]), resources={"nightshift": shared(config, files)}
        )


def beside(folder: Path) -> tuple[Path, ...]:
    """All files of such components in a project: they share one night, so each must know of the others."""
    found = sorted(path.resolve() for path in folder.rglob(FILE))
    return tuple(path for path in found if OURS.search(path.read_text("utf-8")))


@lru_cache(maxsize=32)
def shared(config: Path, files: tuple[Path, ...]) -> dg.ResourceDefinition:
    """One resource for all components of a project: Dagster takes one object under a name."""
    hold = partial(known_alive, load_settings(config).home_folder / "dagster")
    return resource(config, None, hold, files)
