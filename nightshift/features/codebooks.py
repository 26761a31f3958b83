"""Codebooks of semantic ids, fitted once and frozen in `<home>/models/item_codes/`.

Fitted anew every night, every item would change its code whenever one item changes, and no ranker could
read last week's codes. A codebook is fitted on the first night on which enough of the catalogue has a
vector, from vectors alone (never from events), one for each view and encoder. Delete the file to fit
again.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from nightshift.features.code_quality import collisions, entropy, stability
from nightshift.features.codes import Codebook, Vectors, codes_table, fit_codebook
from nightshift.features.settings import CodesSettings
from nightshift.storage.content_key import canonical, content_key
from nightshift.storage.durable import rename, sync
from nightshift.tables import ITEM_CODES


@dataclass(frozen=True)
class Coded:
    """One night's codes, and what to say about them."""

    table: pl.DataFrame
    """The `item_codes` table."""
    numbers: dict[str, float | str]
    """Collisions, entropy and stability by view."""


@dataclass(frozen=True)
class Codebooks:
    """The codebooks of a home, as one night finds them."""

    home: Path
    as_of: date
    settings: CodesSettings
    run_id: str = "local"

    def code(self, sources: list[Vectors], items: int) -> Coded:
        """Codes of every view that has a codebook, or can be given one tonight; `items` is the size of the
        catalogue."""
        return _coded(self, sources, items)


def _coded(night: Codebooks, sources: list[Vectors], items: int) -> Coded:
    parts, numbers = [ITEM_CODES.empty()], dict[str, float | str]()
    for vectors in sources if night.settings.enabled else []:
        codebook = _frozen(night, vectors, items)
        if codebook is None:
            continue
        parts.append(codes_table(codebook, vectors))
        numbers |= {
            f"{vectors.view}: {name}": value
            for name, value in quality(codebook, vectors, night.settings).items()
        }
    return Coded(ITEM_CODES.conform(pl.concat(parts)), numbers)


def quality(codebook: Codebook, vectors: Vectors, settings: CodesSettings) -> dict[str, float | str]:
    """Numbers of one view: see `nightshift.features.code_quality`. Stability is against a refit on
    tonight's vectors with another seed."""
    codes = codebook.encode(vectors)
    refit = fit_codebook(vectors, "", settings, seed=1)
    size = codebook.centroids.shape[1]
    return {
        "codebook": codebook.version,
        "items with a shared id": round(collisions(codes), 4),
        "bits of the first code": round(entropy(codes), 2),
        "most bits of a code": round(float(np.log2(size)), 2),
        "first code kept by a refit": round(stability(codes, refit.encode(vectors)), 4) if refit else 1.0,
    }


def _frozen(night: Codebooks, vectors: Vectors, items: int) -> Codebook | None:
    """The kept codebook of these vectors, or one fitted now, when enough items have a vector."""
    settings = night.settings
    folder = night.home / "models" / "item_codes"
    chosen = canonical(settings.model_dump(include={"levels", "size", "dimensions"}))
    path = folder / f"{vectors.view}-{content_key(vectors.view, vectors.encoder_id, chosen)}.npz"
    if path.exists():
        return Codebook.load(path)
    if len(vectors.raw) < settings.least_share * items:
        return None
    codebook = fit_codebook(vectors, str(night.as_of), settings)
    if codebook is not None:
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{night.run_id}")
        codebook.save(partial)
        sync(partial)
        rename(partial, path)
    return codebook
