"""The first vocabulary of a new configuration: written beside it, so that the first night runs with
nothing edited."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from nightshift.errors import ConfigError
from nightshift.prompts.vocabulary import Vocabulary, as_yaml, load_vocabulary, propose

HEAD = """# Proposed by `nightshift init` from the catalogue's own words: the closed list of tags that is
# scored for every item. It works as it is. Read it before many items are asked: it is part of the prompt, and
# changing it later asks every item again.
# Good tags are common single words; every worked example must carry the right one of each facet.
"""


@dataclass(frozen=True)
class Tags:
    """What became of the vocabulary of a new configuration."""

    path: Path
    vocabulary: Vocabulary | None
    """None: there is none yet, and `why` says what is missing."""
    written: bool = False
    why: str = ""


def write_tags(path: Path, items: pl.DataFrame, noun: str) -> Tags:
    """Propose and write, unless the file is there: it may have been edited, and a changed one asks every
    item again."""
    try:
        if path.exists():
            return Tags(path, load_vocabulary(path.name, path.parent))
        proposed = propose(items, noun)
    except ConfigError as error:
        return Tags(path, None, why=str(error))
    with path.open("x", encoding="utf-8") as fresh:
        fresh.write(HEAD + as_yaml(proposed))
    return Tags(path, proposed, written=True)
