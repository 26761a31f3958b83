"""Names of columns that are made of attributes, tags and facets: of equal names, equal meaning, in every
night.

A name keeps the letters and digits of every script, casefolded; what stands between them becomes `_`.
Where that would say less than the attribute does, a short hash of it is appended: where a sign beyond
ASCII is lost, where nothing is left, and where two attributes of the catalogue would read alike. No name
depends on counts or order, which move from night to night.
"""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

HASHED = 6
"""Hexadecimal digits of the hash: one in 16 million."""
UNSAFE = frozenset("\"',:[]{}\\")
"""Signs that LightGBM, SQL or CSV refuse in a column's name."""
Parts = tuple[str, ...]
"""What a column is about: `("shelf 1",)`, or a facet and its tag."""


def column_labels(names: Sequence[Parts]) -> list[str]:
    """A label for each of some different names, which are all there are: the catalogue's attributes, the
    vocabulary's tags.

    >>> column_labels([("Sci-Fi",), ("Книги",), ("c",), ("C++",)])
    ['sci_fi', 'книги', 'c_2e7d2c', 'c_f1deb7']
    """
    clean = [_clean("_".join(parts)) for parts in names]
    alike = Counter(clean)
    return [
        label if label and alike[label] == 1 and _says_all(parts) else _hashed(label, parts)
        for label, parts in zip(clean, names, strict=True)
    ]


def facet_labels(facets: Sequence[str]) -> list[str]:
    """A label for each facet: the facet itself, save where a tool could not read it, or two differ in case
    alone."""
    alike = Counter(facet.casefold() for facet in facets)
    return [
        facet if alike[facet.casefold()] == 1 and _readable(facet) else _hashed(_clean(facet), (facet,))
        for facet in facets
    ]


def _clean(text: str) -> str:
    """Runs of letters and digits, joined by `_`."""
    folded = unicodedata.normalize("NFC", text.casefold() if not text.isascii() else text.lower())
    return "_".join("".join(sign if _kept(sign) else " " for sign in folded).split())


def _kept(sign: str) -> bool:
    """Letters, the marks that belong to them, and numbers, of every script."""
    return (sign.isascii() and sign.isalnum()) or (
        not sign.isascii() and unicodedata.category(sign)[0] in "LMN"
    )


def _says_all(parts: Iterable[str]) -> bool:
    """Whether no sign beyond ASCII is lost. Spaces and ASCII signs part words, as they always have."""
    return all(sign.isascii() or sign.isspace() or _kept(sign) for part in parts for sign in part)


def _readable(facet: str) -> bool:
    return bool(facet.strip()) and facet.isprintable() and not UNSAFE & set(facet)


def _hashed(label: str, parts: Parts) -> str:
    digest = hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:HASHED]
    return f"{label}_{digest}" if label else digest
