"""Every format that is read, by name."""

import difflib

from nightshift.errors import InputError
from nightshift.sources.datasets.published import (
    amazon,
    goodreads,
    lastfm,
    mind,
    movielens_csv,
    movielens_dat,
    recbole,
    steam,
    yelp,
)
from nightshift.sources.datasets.published.base import Format

MODULES = (movielens_dat, movielens_csv, amazon, mind, goodreads, yelp, steam, lastfm, recbole)
FORMATS: dict[str, Format] = {format.name: format for module in MODULES for format in module.FORMATS}
"""By name, related ones together."""


def format_of(name: str) -> Format:
    """The format of this name. Raises InputError with the nearest names."""
    if name in FORMATS:
        return FORMATS[name]
    near = difflib.get_close_matches(name, FORMATS, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(FORMATS)}."
    raise InputError(f"no data set format is called {name!r}; {hint} `nightshift dataset --list` tells more")
