"""`nightshift check`: what was understood of configuration and sources, what is odd about them, and what
to do next."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from jobs.homes import writable
from nightshift.errors import ConfigError, ModelUnavailable
from nightshift.night.config import Settings
from nightshift.night.schedule import steadier_schedule
from nightshift.prompts.vocabulary import load_vocabulary
from nightshift.sources import Description, describe, read_interactions, read_items, read_users
from nightshift.sources.findings import Finding
from nightshift.sources.languages import UNDETERMINED, count_languages
from nightshift.sources.onboarding.yaml_draft import noun_of
from nightshift.storage.store import Store
from nightshift.tables import ITEM_FEATURES

ENGLISH = ("all-minilm-l6-v2",)
"""Encoders that read English only."""


@dataclasses.dataclass(frozen=True)
class Checked:
    """A configuration that loads, with sources that were read."""

    settings: Settings
    sources: Description
    findings: tuple[Finding, ...]
    """Of the sources, then of the configuration."""
    next: str
    """The command to type next."""

    def as_json(self) -> dict[str, Any]:
        """What `check --json` prints."""
        told = dataclasses.asdict(self.sources) | {
            "first": _iso(self.sources.first),
            "last": _iso(self.sources.last),
        }
        del told["findings"]
        settings = self.settings
        return {
            "ok": True,
            "sources": told,
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
            "nights": {"first": settings.nights.first.isoformat(), "last": _iso(settings.nights.last)},
            "model": f"{settings.llm.model} ({settings.llm.backend})",
            "encoder": settings.encoder.model,
            "home": str(settings.home_folder),
            "next": self.next,
        }


def _iso(moment: date | None) -> str | None:
    return moment.isoformat() if moment else None


def checked(settings: Settings, now: datetime | None = None) -> Checked:
    """Read everything a night would read. Raises InputError with place, value and the way out when a night
    could not begin."""
    writable(settings)
    now = now or datetime.now(UTC)
    items = read_items(settings.sources.items, settings.root)
    events = read_interactions(
        settings.sources.interactions, settings.root, items.frame, before=None, now=now
    )
    described = describe(settings.sources, items, events, languages(items.frame))
    odd = (
        *described.findings,
        *concerns(settings, described, now.date()),
        *_ungrouped(settings, events.frame),
    )
    return Checked(settings, described, odd, next_step(settings))


def _ungrouped(settings: Settings, events: pl.DataFrame) -> Iterator[Finding]:
    """Users of the log that the file of users does not know, where most of them are such."""
    source = settings.sources.users
    if source is None:
        return
    known = read_users(source, settings.root)
    users = events["user_id"].unique()
    unknown = users.filter(~users.is_in(known["user_id"].implode()))
    if unknown.len() * 2 > users.len():
        named = (
            f"{unknown.len():,} of {users.len():,} users with events are not in {source.path}, "
            f"{unknown.sort()[0]!r} for one"
        )
        yield Finding(
            named,
            fix=f"Is sources.users.user_id ({source.user_id}) spelt as in the events? Users without a "
            f"group are in no slice.",
        )


def languages(items: pl.DataFrame) -> dict[str, float]:
    """Share of the items by language, on a sample; empty where the detector is not installed."""
    try:
        found = count_languages(items)
    except ModelUnavailable:
        return {}
    return {code: count / found.sampled for code, count in found.counts.items()} if found.sampled else {}


def concerns(settings: Settings, described: Description, today: date) -> Iterator[Finding]:
    """What is odd about the configuration, given these sources."""
    nights = settings.nights
    if described.first and nights.first <= described.first.date():
        fix = f"Set nights.first to a day after {described.first:%Y-%m-%d}."
        yield Finding(
            f"the first night, {nights.first}, knows no event: the oldest is of {described.first:%Y-%m-%d}",
            fix=fix,
        )
    if nights.first > today:
        fix = "Until then every run ends with 2; set nights.first to a day that has begun to start earlier."
        yield Finding(f"no night has begun: the first, {nights.first}, is later than today, {today}", fix=fix)
    newest = min(today, nights.last or today)
    if described.last and (newest - described.last.date()).days > 30:
        fix = (
            "Send fresher events; or, to replay old data, set nights.last to the day after the newest event."
        )
        yield Finding(
            f"the newest event is of {described.last:%Y-%m-%d}, "
            f"{(newest - described.last.date()).days:,} days before {newest}",
            fix=fix,
        )
    yield from _unsteady_schedule(settings, today)
    yield from _other_languages(settings, described)
    try:
        load_vocabulary(settings.tags.vocabulary, settings.root)
    except ConfigError as error:
        missing = not (settings.root / settings.tags.vocabulary).exists()
        what = (
            f"there is no vocabulary yet: tags.vocabulary names {settings.tags.vocabulary}"
            if missing
            else str(error)
        )
        yield Finding(
            what, fix="Propose one from the catalogue's own words (the command below), read it, edit it."
        )


def _unsteady_schedule(settings: Settings, today: date) -> Iterator[Finding]:
    nights, steadier = settings.nights, steadier_schedule(settings.nights, today)
    if steadier is not None:
        yield Finding(
            f"nights.schedule {nights.schedule!r} in {nights.timezone} is before 00:00 UTC on one "
            f"side of the clock change and "
            "after it on the other: no night is lost, but one tick a year starts two nights, one none",
            fix=f"Set nights.schedule to {steadier!r}: the whole year on one side.",
        )


def _other_languages(settings: Settings, described: Description) -> Iterator[Finding]:
    known = {code: part for code, part in described.languages.items() if code != UNDETERMINED}
    most = max(known, key=lambda code: known[code], default="en")
    if most != "en" and settings.encoder.model in ENGLISH:
        fix = (
            "Name a folder with a multilingual sentence encoder in encoder.model, and a model that reads "
            "the language in llm.model."
        )
        yield Finding(
            f"most items are in {most} ({known[most]:.0%}), and {settings.encoder.model} reads English",
            share=known[most],
            fix=fix,
        )


def next_step(settings: Settings) -> str:
    """The command that comes next: a vocabulary, then a plan, then the nights."""
    try:
        load_vocabulary(settings.tags.vocabulary, settings.root)
    except ConfigError:
        name = (
            settings.tags.vocabulary
            if settings.tags.vocabulary.endswith((".yaml", ".yml"))
            else "vocabulary.yaml"
        )
        return f"nightshift vocabulary --noun {noun_of(settings.sources.items)} > {name}"
    return (
        "nightshift plan"
        if Store(settings.home_folder).newest(ITEM_FEATURES.name) is None
        else "nightshift run"
    )
