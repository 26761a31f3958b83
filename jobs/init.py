"""`nightshift init`: look at two sources, guess what their columns mean, ask what cannot be known, write
nightshift.yaml."""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from nightshift.errors import ConfigError, InputError
from nightshift.night.config import CONFIG_NAME, Settings, load_settings
from nightshift.sources import EventsRead, ItemsRead, read_interactions, read_items
from nightshift.sources.onboarding import (
    FLAGS,
    Answers,
    Draft,
    Guess,
    Nights,
    Samples,
    as_yaml,
    choose_nights,
    draft_of,
    in_flags,
)
from nightshift.sources.onboarding.tags import Tags, write_tags
from nightshift.sources.onboarding.yaml_draft import noun_of

Ask = Callable[[Guess], str]
"""Puts a question to a person; the answer as typed."""
NONE = ("", "none", "-")
"""Answers that say that there is no such column."""
LISTS = ("items.text", "interactions.positive_kinds")
"""Settings that take several values, in words separated by commas."""
Column = Annotated[str | None, typer.Option(metavar="COLUMN", help="none: there is no such column.")]


def init(
    items: Annotated[
        str,
        typer.Option(
            "--items", help="The catalogue: a file, a folder or a quoted glob; Parquet, CSV, TSV or JSONL."
        ),
    ],
    interactions: Annotated[
        str, typer.Option("--interactions", help="The events: a file, a folder or a quoted glob.")
    ],
    out: Annotated[
        Path, typer.Option("--out", help="The file to write; the home will be .nightshift beside it.")
    ] = Path(CONFIG_NAME),
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing; take every guess that has a value.")
    ] = False,
    item_id: Annotated[str | None, typer.Option(help="Catalogue column with the item's id.")] = None,
    title: Annotated[str | None, typer.Option(help="Catalogue column with the title, or none.")] = None,
    text: Annotated[
        str | None,
        typer.Option(help="Catalogue columns with descriptive text, separated by commas, or none."),
    ] = None,
    attributes: Annotated[
        str | None, typer.Option(help="Catalogue column with categories, genres or tags, or none.")
    ] = None,
    attributes_separator: Annotated[
        str | None, typer.Option(help="What separates attributes in a text column.")
    ] = None,
    created_at: Annotated[
        str | None, typer.Option(help="Catalogue column with the moment an item was added, or none.")
    ] = None,
    created_at_unit: Annotated[
        str | None, typer.Option(help="Unit of a numeric --created-at: s, ms, us or ns.")
    ] = None,
    duplicate_item: Annotated[
        str | None, typer.Option(help="Ids that appear twice: refuse or keep_first.")
    ] = None,
    user_id: Annotated[str | None, typer.Option(help="Event column with the user's id.")] = None,
    event_item_id: Annotated[str | None, typer.Option(help="Event column with the item's id.")] = None,
    timestamp: Annotated[str | None, typer.Option(help="Event column with the moment.")] = None,
    timestamp_unit: Annotated[
        str | None, typer.Option(help="Unit of a numeric --timestamp: s, ms, us, ns, or order.")
    ] = None,
    feedback: Annotated[str | None, typer.Option(help="implicit, explicit or impressions.")] = None,
    label: Annotated[str | None, typer.Option(help="Event column with the rating, or with 0/1.")] = None,
    positive_from: Annotated[str | None, typer.Option(help="Lowest rating that counts as positive.")] = None,
    group: Annotated[
        str | None,
        typer.Option(help="Event column with the id of the list in which an item was shown, or none."),
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Event column with the kind of event, or none.")] = None,
    positive_kinds: Annotated[
        str | None, typer.Option(help="Kinds that count as positive, separated by commas, or none for all.")
    ] = None,
) -> None:
    """Write a first nightshift.yaml for your own files: columns are measured, meanings guessed, each with
    its reason.

    In a terminal it asks what it cannot know; elsewhere `--yes` takes the guesses and a flag answers a
    question. The file is loaded and both sources are read with it before it is kept. Beside it goes
    `vocabulary.yaml`, tags from the catalogue's own words; one that is there stays as it is. Calls no
    model.
    """
    given = {name: value for name, value in locals().items() if value is not None}
    answers = {
        setting: said(setting, given[name])
        for setting, flag in FLAGS.items()
        if (name := _parameter(flag)) in given
    }
    write_first(
        items,
        interactions,
        out,
        answers,
        force=force,
        ask=None if yes or not sys.stdin.isatty() else ask,
        yes=yes,
    )


def _parameter(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_") if flag not in ("--items", "--interactions") else ""


def said(setting: str, words: str) -> Any:
    """An answer as typed -> the value of its setting: a list, a number, None for `none`, else the words."""
    if words.strip().lower() in NONE:
        return None
    if setting in LISTS:
        return [word.strip() for word in words.split(",") if word.strip()]
    if setting == "interactions.positive_from":
        try:
            return float(words)
        except ValueError as error:
            raise ConfigError(
                f"--positive-from {words!r} is not a number; give the lowest rating that counts, such as 4"
            ) from error
    return words.strip() if setting != "items.attributes_separator" else words


def ask(guess: Guess) -> str:
    """Ask in the terminal; the guess is the default."""
    from jobs.console import console

    console.print(f"\n[bold]{guess.setting}[/bold]  {guess.why}", highlight=False)
    if guess.choices:
        console.print(f"  [dim]could be: {', '.join(guess.choices)}[/dim]", highlight=False)
    default = ", ".join(guess.value) if isinstance(guess.value, list) else guess.value
    return str(typer.prompt("  which", default=default if default is not None or guess.needed else "none"))


def write_first(
    items: str, interactions: str, out: Path, answers: Answers, *, force: bool, ask: Ask | None, yes: bool
) -> Settings:
    """Guess, ask, show, prove, write. `ask` None: nobody is there. Raises InputError with the flag that
    helps; then nothing is written."""
    from jobs.init_screen import show_draft, show_written

    if out.exists() and not force:
        raise ConfigError(f"{out} is there already; --force writes over it, --out names another file")
    root, now = out.resolve().parent, datetime.now(UTC)
    try:
        found = Samples.of(_from(root, items), _from(root, interactions), root)
        draft = settled(found, answers, now, ask=ask, yes=yes)
        show_draft(draft)
        sources = draft.sources()
        catalogue = read_items(sources.items, root)
        events = read_interactions(sources.interactions, root, catalogue.frame, before=None, now=now)
    except InputError as error:
        raise type(error)(f"{in_flags(str(error))}\n{out} was not written.") from error
    settings, nights = _kept(out, draft, catalogue, events, now)
    show_written(out, draft, settings, nights, catalogue, events, _tags(settings, catalogue))
    return settings


def _tags(settings: Settings, catalogue: ItemsRead) -> Tags:
    """The vocabulary that the configuration names, written from the catalogue unless it is there."""
    noun = noun_of(settings.sources.items)
    return write_tags(settings.root / settings.tags.vocabulary, catalogue.frame, noun)


def _from(root: Path, path: str) -> str:
    """A path or glob as the configuration will have it: relative to its folder where it lies inside, else
    absolute."""
    if "://" in path:
        return path
    full = os.path.normpath(Path.cwd() / Path(path).expanduser())
    return Path(full).relative_to(root).as_posix() if Path(full).is_relative_to(root) else full


def settled(found: Samples, answers: Answers, now: datetime, *, ask: Ask | None, yes: bool) -> Draft:
    """A draft without open questions. Raises ConfigError with the flags to give when there is nobody to
    ask."""
    told: dict[str, Any] = dict(answers)
    while True:
        draft = draft_of(found, told, now)
        questions = [guess for guess in draft.questions if guess.setting not in told or guess.open]
        if not questions or (yes and not any(guess.open for guess in questions)):
            return draft
        if ask is None:
            raise ConfigError(_flags([guess for guess in questions if guess.open] if yes else questions))
        _put(found, told, now, questions[0], ask)


def _put(found: Samples, told: dict[str, Any], now: datetime, guess: Guess, ask: Ask) -> None:
    """Ask until the answer fits the files."""
    from jobs.console import console

    while True:
        try:
            answer = {guess.setting: said(guess.setting, ask(guess))}
            draft_of(found, told | answer, now)
        except InputError as error:
            console.print(f"  [red]{error}[/red]", highlight=False)
        else:
            told |= answer
            return


def _flags(questions: list[Guess]) -> str:
    lines = [f"  {guess.flag} {_example(guess)}   {guess.why}" for guess in questions]
    rest = "" if any(guess.open for guess in questions) else ", or --yes to take these guesses"
    return "\n".join([f"nobody is there to ask; give{rest}:", *lines])


def _example(guess: Guess) -> str:
    """A guess as it is typed after its flag; what could be meant where there is none."""
    value = ",".join(guess.value) if isinstance(guess.value, list) else guess.value
    return (
        str(value) if value is not None else f"({', '.join(guess.choices[:6])})" if guess.choices else "..."
    )


def _kept(
    out: Path, draft: Draft, catalogue: ItemsRead, events: EventsRead, now: datetime
) -> tuple[Settings, Nights]:
    """Write beside the place, load as every command will, and only then put it there."""
    ordered = draft.sources().interactions.timestamp_unit == "order"
    nights = choose_nights(events.frame, now, ordered)
    draught = out.with_name(f".{out.name}.{os.getpid()}")
    out.parent.mkdir(parents=True, exist_ok=True)
    draught.write_text(as_yaml(draft, nights, now.date()), "utf-8")
    try:
        settings = load_settings(draught)
        draught.replace(out)
    finally:
        draught.unlink(missing_ok=True)
    return settings, nights
