"""One table that a night adds to what is known, as one declaration.

From an `Enrichment` follow its table and asset, its place in plan, budget, costs and rejects, its checks, its
views and features, its placebo and its arm. The engine (`nightshift.enrichments.engine`) works a declaration
off; nothing here holds a night, opens a file or calls a model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel

from nightshift.enrichments.entities import Entity, Reader
from nightshift.errors import ConfigError
from nightshift.features.specs import Spec
from nightshift.models.llm.base import ModelIdentity
from nightshift.models.llm.recorded import RecordedAnswers
from nightshift.models.llm.recorded import identify as identify_recorded
from nightshift.prompts.base import Prompt
from nightshift.prompts.vocabulary import Vocabulary
from nightshift.storage.ledger import Ledgers
from nightshift.tables import MOMENT, PROVENANCE, Checked, Column, Table

S = TypeVar("S", bound=BaseModel)


class Plain(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Nothing to set."""


class RecordedSettings(RecordedAnswers, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Where the answers of one enrichment stand, that a model gave elsewhere."""

    model: str = ""
    """Who gave them: model and recording, `gpt-4o@captions-2026-11`."""
    key: str = ""
    """Column with the row's id. Empty: the columns that name a row, `item_id` for items."""


def midnight(day: date) -> datetime:
    """00:00 UTC of a day: a night knows events strictly before it."""
    return datetime.combine(day, time(), UTC)


@dataclass(frozen=True)
class Shared:
    """What all enrichments of a night share, as values."""

    as_of: date
    moment: datetime
    """00:00 UTC of the night: events strictly before it are known."""
    run_id: str
    home: Path
    vocabulary: Callable[[], Vocabulary]
    """The closed vocabulary, read when it is wanted."""
    identity: ModelIdentity
    encoder_id: str
    ledgers: Ledgers
    settings: Mapping[str, BaseModel]
    """Settings of every enrichment, by its name."""
    recorded: Callable[[str], pl.DataFrame] | None = None
    """`row_id, answer` by table, where a backend recalls what was recorded."""
    root: Path = Path()
    """Folder of nightshift.yaml; paths in settings start here."""
    can_score: bool = True
    """Whether the model weighs choices; one that does not writes them."""


@dataclass(frozen=True)
class Context(Generic[S]):
    """What the functions of a declaration are given."""

    each: "Enrichment[S]"
    shared: Shared
    tables: Reader

    @property
    def settings(self) -> S:
        """The enrichment's own settings."""
        return self.shared.settings[self.each.name]  # type: ignore[return-value]

    def settings_of(self, name: str) -> Any:
        """Those of another one."""
        return self.shared.settings[name]

    @cached_property
    def prompt(self) -> Prompt[Any]:
        """The prompt with settings applied."""
        maker = self.each.maker
        assert isinstance(maker, Asked | Recorded)
        instead = maker.written if isinstance(maker, Asked) and not self.shared.can_score else None
        return (instead or maker.prompt)(self.settings, self.shared.vocabulary())

    @property
    def identity(self) -> ModelIdentity:
        """Whose answers its rows come from: the night's model, or that of the recording."""
        if not isinstance(self.each.maker, Recorded):
            return self.shared.identity
        model = recording(self).model
        return identify_recorded(model, f"enrichments.{self.each.name}.model")

    def read(self, name: str) -> pl.DataFrame:
        """Tonight's rows of a table of `reads`."""
        return self.tables.read(name)

    @cached_property
    def last(self) -> pl.DataFrame:
        """This table, as last published before the night."""
        return self.tables.last(self.each.name)


def recording(context: Context[Any]) -> RecordedSettings:
    """The settings of a recorded enrichment. Raises ConfigError for a declaration without them."""
    settings = context.settings
    if not isinstance(settings, RecordedSettings):
        raise ConfigError(
            f"enrichment {context.each.name}: a recorded one takes its file from settings of the kind "
            f"RecordedSettings, not {type(settings).__name__}"
        )
    return settings


Rows = Callable[[Context[Any]], pl.DataFrame]
"""Rows of a night: the entity's key and the columns that may be shown."""
Finish = Callable[[Context[Any], pl.DataFrame, pl.DataFrame, pl.DataFrame], pl.DataFrame]
"""Context, rows, settled rows and tonight's accepted answers in; the table's own columns out."""


def every_row(context: Context[Any]) -> pl.DataFrame:
    """Every row of the entity."""
    return context.each.entity.rows(context.tables)


def everyone(context: Context[Any], rows: pl.DataFrame) -> pl.DataFrame:
    """All rows are worth a call."""
    return rows


def as_settled(
    context: Context[Any], rows: pl.DataFrame, settled: pl.DataFrame, answered: pl.DataFrame
) -> pl.DataFrame:
    """Nothing to add to what was answered."""
    return settled


@dataclass(frozen=True)
class Asked:
    """A language model fills the columns: it writes, or it chooses where the prompt has questions."""

    prompt: Callable[[Any, Vocabulary], Prompt[Any]]
    """Settings and vocabulary in; the allow-list, instructions, parsing and key out."""
    asks: Callable[[Context[Any], pl.DataFrame], pl.DataFrame] = everyone
    """Rows that are worth a call at all."""
    values: Callable[[Context[Any], pl.DataFrame], pl.DataFrame] | None = None
    """For prompts that choose: `<key>, content_key, scores` in, rows of the table out."""
    written: Callable[[Any, Vocabulary], Prompt[Any]] | None = None
    """For prompts that choose: the same choices as an answer to write, where the model cannot weigh them.
    None: it is asked nothing."""
    freeze: Callable[[Context[Any], pl.DataFrame, int], None] | None = None
    """Fitted once from the answers and kept in the home; called by a run with `<key>, content_key, scores`
    and the number of rows, never by a plan."""


@dataclass(frozen=True)
class Computed:
    """A function of tables: no call, nothing learnt from labels."""

    apply: Callable[[Context[Any]], pl.DataFrame]
    """Rows of the table, key and columns."""


Arrays = Mapping[str, NDArray[Any]]
"""What a fit has learnt, by name: numbers or texts, nothing that needs code to be read."""


@dataclass(frozen=True)
class Fitted:
    """Learnt from events, and from what was known when they ended, and applied to tonight's rows: no call.

    Its rows say in `fitted_until` how young the fit is: every event that it saw lies strictly before that
    moment, and that moment strictly before the night.
    """

    fit: Callable[[Context[Any], pl.DataFrame], Arrays]
    """Events strictly before `fitted_until` in, arrays out. The context reads other tables as of the newest
    night at or before that moment."""
    apply: Callable[[Context[Any], Arrays], pl.DataFrame]
    """Tonight's tables and the arrays in; key and columns out, without `fitted_until`."""
    every_days: int = 7
    """Days between two fits, on a grid of their own: it does not move with the nights that are run."""
    version: int = 1
    """Raised when the function learns something else from the same inputs. Part of the fit's key."""


@dataclass(frozen=True)
class Recorded:
    """Answers that were given elsewhere: a file under the enrichment's settings, which are
    `RecordedSettings`. No call, no price."""

    prompt: Callable[[Any, Vocabulary], Prompt[Any]]
    """How they are read, refused and keyed."""


Maker = Asked | Computed | Fitted | Recorded


@dataclass(frozen=True)
class Fallback:
    """What a row has for which a model gave no answer tonight: last night's, its group's, a template, or
    nothing."""

    carried: bool = True
    """Whether it keeps what a model wrote on an earlier night."""
    group: Callable[[Context[Any], pl.DataFrame], pl.DataFrame] | None = None
    """What is known of its group: key, answered columns and provenance."""
    template: Callable[[Context[Any], pl.DataFrame], pl.DataFrame] | None = None
    """Key and answered columns of every row; None: a missing row stays missing."""


@dataclass(frozen=True)
class TextView:
    """A text that the encoder embeds: rows of `<entity>_embeddings`."""

    name: str
    text: pl.Expr
    """Over the table's columns; templates are left out."""


@dataclass(frozen=True)
class StateView:
    """The model's own state while it chose, kept as a vector."""

    name: str


@dataclass(frozen=True)
class ScoreView:
    """The scores of all choices as a vector of each row."""

    name: str


View = TextView | StateView | ScoreView


@dataclass(frozen=True)
class Held:
    """What a check of an enrichment's own is given."""

    context: Context[Any]
    frame: pl.DataFrame
    limit: float
    """The threshold of `Check.limit`; 0 without one."""


@dataclass(frozen=True)
class Check:
    """A check beyond those that every table of its kind has."""

    name: str
    says: str
    """What holds, in one sentence."""
    run: Callable[[Held], Checked]
    limit: str | None = None
    """Field of `checks` in nightshift.yaml."""
    blocking: bool = True


def always(settings: Any) -> bool:
    """It is on, whatever is set."""
    return True


FITTED_UNTIL = "fitted_until"
BIRTHDAY = {FITTED_UNTIL: Column(MOMENT, "every event that the fit behind this row saw lies before it")}
"""What every fitted table has beside its own columns."""


@dataclass(frozen=True)
class Enrichment(Generic[S]):
    """One table that a night adds to what is known."""

    name: str
    """Table, asset, ledger rows, `--table`, `budget.tables`. It never changes: it is in content keys."""
    about: str
    """First sentence on the asset's page, in the reference and in `nightshift enrichments`."""
    entity: Entity
    columns: Mapping[str, Column]
    """Promised beside key and provenance."""
    maker: Maker
    details: str = ""
    """What else the asset's page says."""
    settings: type[S] = Plain  # type: ignore[assignment]
    """Its block; frozen, unknown keys refused, a sentence a field."""
    block: str = ""
    """Where its settings stand in nightshift.yaml; empty: `enrichments.<name>`."""
    key: tuple[str, ...] = ()
    """Columns that are unique together; empty: the entity's."""
    reads: tuple[str, ...] = ()
    """Tables of the same night whose values it uses; empty: those of the entity."""
    rows: Rows = every_row
    """Equal from night to night unless the facts are: a changed text is a paid call."""
    fallback: Fallback = field(default_factory=Fallback)
    finish: Finish = as_settled
    """Adds what is known without the model."""
    views: tuple[View, ...] = ()
    features: tuple[Spec, ...] = ()
    checks: tuple[Check, ...] = ()
    pictures: Mapping[str, str] = field(default_factory=dict)
    """Columns whose most frequent values are drawn, each with the picture's title."""
    sample: Callable[[pl.DataFrame], pl.DataFrame] | None = None
    """Rows that the asset page shows; None: some of each origin."""
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Column to the `table.column` it is made of, for lineage; others: all that the prompt may read."""
    enabled: Callable[[S], bool] = always
    """Whether it is worked off at all. What is off has no table, no asset, no row in a plan."""
    turn: int = 50
    """Who draws on the budget first among those whose inputs are there."""
    budget_tokens: int | None = None
    """Prompt and new tokens of one night, where `budget.tables` does not. None: no limit of its own."""
    place: str = ""
    """File it was declared in, for messages; empty for ours."""

    @cached_property
    def table(self) -> Table:
        """The table it writes."""
        keys = {name: Column(self.entity.type_of(name), says) for name, says in self.entity.key.items()}
        columns = {**keys, **self.columns}
        made = PROVENANCE if self.is_written else BIRTHDAY if self.is_fitted else {}
        return Table(self.name, self.about, columns | made, key=self.key or self.entity.key_columns)

    @property
    def is_written(self) -> bool:
        """Whether its rows come from answers, and say so."""
        return isinstance(self.maker, Asked | Recorded)

    @property
    def is_asked(self) -> bool:
        """Whether a language model is called."""
        return isinstance(self.maker, Asked)

    @property
    def is_fitted(self) -> bool:
        """Whether its rows come from a fit, and say until when it was fitted."""
        return isinstance(self.maker, Fitted)

    @property
    def complete(self) -> bool:
        """Whether every row of the entity has one: nothing is missing where a model or the budget fails."""
        return self.is_written and self.fallback.template is not None

    @property
    def written_text(self) -> str | None:
        """The column of free text that a model writes; None where it chooses, or writes none."""
        if not isinstance(self.maker, Asked) or self.maker.values is not None:
            return None
        return next((name for name, column in self.columns.items() if column.dtype == pl.String), None)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Tables of the same night whose values its rows are made of."""
        return self.reads or self.entity.reads

    @property
    def waits_for(self) -> tuple[str, ...]:
        """Tables that must be there before it: its inputs, and the events that say what is worth asking
        first."""
        more = ("interactions",) if self.is_fitted or (self.is_asked and self.entity.traffic) else ()
        return tuple(dict.fromkeys((*self.inputs, *more)))
