"""What a judgement rests on: tables, files, nights, models, prompts, settings and packages, each with a
version or a digest."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import polars as pl

from nightshift import __version__
from nightshift.night.night import Night
from nightshift.sources import source_digest
from nightshift.storage.content_key import canonical, content_key
from nightshift.storage.store import SOURCE_DIGEST, Manifest
from nightshift.tables import (
    INTERACTIONS,
    ITEMS,
    LIFT,
)

LIBRARIES = (
    "lightgbm",
    "numpy",
    "scipy",
    "polars",
    "pyarrow",
    "torch",
    "transformers",
    "sentence-transformers",
    "llguidance",
    "xllamacpp",
    "openai",
    "faiss-cpu",
    "onnxruntime",
    "dagster",
    "apache-beam",
)
DIGITS = 12
"""Characters of a digest that are shown."""


def size(examples: Manifest, scores: pl.DataFrame) -> dict[str, int]:
    """Rows by split, test users and items, features by family."""
    counted = {
        name: value
        for name, value in examples.metadata.items()
        if name.startswith(("rows: ", "features: ")) and value
    }
    return counted | {
        "users in the test": scores["user_id"].n_unique(),
        "items in the test": scores["item_id"].n_unique(),
    }


def rests_on(night: Night) -> list[dict[str, Any]]:
    """A row a file of the sources and a table of the night: name, rows, digest, published, model, prompt,
    code version."""
    store = night.store
    found = [
        (name, store.manifest(name, night.as_of))
        for name in night.tables
        if name != LIFT.name and store.has(name, night.as_of)
    ]
    return _files(night) + [_row(name, manifest) for name, manifest in found]


def _row(name: str, found: Manifest) -> dict[str, Any]:
    model = found.metadata.get("model") or found.metadata.get("encoder") or ""
    by = {"model": str(model), "prompt": str(found.metadata.get("prompt", "")), "code": found.code_version}
    return {
        "table": name,
        "rows": found.rows,
        "digest": found.digest[:DIGITS],
        "published": f"{found.published_at:%Y-%m-%d %H:%M}",
    } | by


def _files(night: Night) -> list[dict[str, Any]]:
    """The user's own files as they were read: name, size and time of each and how they are mapped are in
    the digest."""
    none, rows = {"published": "", "model": "", "prompt": "", "code": ""}, list[dict[str, Any]]()
    for table in (ITEMS, INTERACTIONS):
        told = (
            night.store.manifest(table, night.as_of).metadata if night.store.has(table, night.as_of) else {}
        )
        if SOURCE_DIGEST in told:
            digest = str(told[SOURCE_DIGEST])[:DIGITS]
            rows.append(
                {"table": f"files of {table.name}", "rows": told.get("source rows"), "digest": digest} | none
            )
    users = night.settings.sources.users
    if users:
        rows.append(
            {
                "table": "files of users",
                "rows": None,
                "digest": source_digest(users, night.settings.root)[:DIGITS],
            }
            | none
        )
    return rows


def nights_read(night: Night) -> str:
    """Which nights' writings the training rows read, and one digest of them all."""
    store = night.store
    nights, tables = night.nights_with_content(), night.read_by_rankers()
    found = [(table, day) for day in nights for table in tables if store.has(table, day)]
    digests = [store.manifest(table, day).digest for table, day in found]
    span = f"{nights[0]} to {nights[-1]}" if nights else "none"
    return f"{len(nights)} ({span}), digest {content_key(*digests)[:DIGITS]}"


def versions() -> dict[str, str]:
    """Packages that have a part in the numbers, where they are installed."""
    found = {"nightshift": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found | {"on": f"{platform.system()} {platform.machine()}"}


def decided_by(night: Night) -> dict[str, str]:
    """What decides the numbers, from the configuration; the digest is of all of it but folders."""
    settings = night.settings
    lift, examples = settings.lift, settings.examples
    trees = lift.lightgbm.model_dump(exclude_defaults=True) or "defaults"
    whole = settings.model_dump(mode="json", exclude={"root", "home", "cache"})
    return {
        "language model": f"{night.identity.model_id} ({night.identity.arithmetic})",
        "encoder": night.encoder_id,
        "vocabulary": settings.tags.vocabulary,
        "nights read": nights_read(night),
        "rankers": ", ".join(lift.rankers),
        "seeds": str(lift.seeds),
        "dealings of the placebo": str(examples.features.permutations),
        "resamples": f"{lift.resamples:,} (bootstrap seed {lift.bootstrap_seed})",
        "split": "each user's last moments"
        if examples.split == "last"
        else f"global in time, at {examples.train_share:.0%} and {examples.valid_share:.0%}",
        "lightgbm": str(trees),
        "configuration": f"digest {content_key(canonical(whole))[:DIGITS]}",
    }
