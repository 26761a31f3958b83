"""Which night may be served: one whose tables are all there and were made from one another.

`item_features` and `user_features` are the last tables of a night, and their manifests record the digests
of everything they were built from. A night is whole when those are still the digests of the tables that
lie there: a night that is being published, or published again, is not whole until its last table is.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

import polars as pl

from nightshift.errors import IntegrityError, NightshiftError
from nightshift.storage.content_key import content_key
from nightshift.storage.store import Manifest, Store
from nightshift.tables import INTERACTIONS, ITEM_CODES, ITEM_FEATURES, ITEMS, USER_FEATURES

LAST = (ITEM_FEATURES.name, USER_FEATURES.name)
"""Tables that close a night."""
CODED = (*LAST, ITEM_CODES.name)
"""The same where semantic ids are read."""
FIRST = (ITEMS.name, INTERACTIONS.name)
"""Tables without which there is nothing to serve."""


@dataclass(frozen=True)
class WholeNight:
    """A whole night: the manifests of the tables that its features were built from."""

    as_of: date
    tables: Mapping[str, Manifest]

    @property
    def digest(self) -> str:
        """Equal for nights of equal content."""
        return content_key(
            str(self.as_of), *(f"{name} {manifest.digest}" for name, manifest in sorted(self.tables.items()))
        )

    def read(self, store: Store, name: str) -> pl.DataFrame:
        """One of `tables` as this night has it, its bytes checked. Raises IntegrityError when they are not
        what the manifest says."""
        folder = store.folder(name, self.as_of)
        parts = []
        for file in self.tables[name].files:
            path = folder / file.name
            raw = b""
            with suppress(FileNotFoundError):  # lost, or another run is replacing the night
                raw = path.read_bytes()
            if sha256(raw).hexdigest() != file.sha256:
                found = "is damaged" if raw else "is not there"
                raise IntegrityError(f"{path} {found}; materialize {self.as_of} of {name} again")
            parts.append(pl.read_parquet(io.BytesIO(raw)))
        return pl.concat(parts)


def whole_night(store: Store, as_of: date, codes: bool = False) -> WholeNight:
    """The night, if it is whole; `codes` asks for semantic ids too. Raises NightshiftError that says which
    table is missing or newer."""
    last = CODED if codes else LAST
    tables = {}
    for name, digest in _recorded(store, as_of, last):
        tables[name] = store.manifest(name, as_of)
        if tables[name].digest != digest:
            raise IntegrityError(
                f"{name} of {as_of} was published after {' and '.join(last)} were built; run the "
                f"night to its end"
            )
    if codes:
        tables[ITEM_CODES.name] = store.manifest(ITEM_CODES, as_of)
    absent = [name for name in FIRST if name not in tables]
    if absent:
        raise IntegrityError(
            f"{LAST[0]} of {as_of} does not say which {absent[0]} it was built from; materialize it again"
        )
    return WholeNight(as_of, tables)


def _recorded(store: Store, as_of: date, last: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Name and digest of every table of the night that one of its last tables was built from."""
    for closing in last:
        for label, digest in store.manifest(closing, as_of).inputs.items():
            name = label.split(" ")[0]
            if label == f"{name} {as_of}" and store.has(name, as_of):
                yield name, digest


def newest_whole(store: Store, codes: bool = False) -> WholeNight:
    """The newest whole night. Raises NightshiftError that says why each newer one is not, or that there is
    none."""
    reasons: list[str] = []
    for as_of in _nights(store):
        try:
            return whole_night(store, as_of, codes)
        except NightshiftError as error:
            reasons.append(str(error))
    why = "; ".join(reasons[:3]) or "no night has been published yet; run one: nightshift run"
    raise NightshiftError(f"{store.home} has no whole night to serve: {why}")


def _nights(store: Store) -> Iterator[date]:
    """Nights with any of the tables that rank, newest first: the half ones are named in the message."""
    yield from sorted({day for name in (*FIRST, *LAST) for day in store.nights(name)}, reverse=True)
