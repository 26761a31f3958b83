"""Cleaning item texts, against one bare `replace_all` of polars and against an HTML parser (lexbor,
through selectolax).

Texts: sentences of English words, 600 characters each; plain, and as shops export them (paragraphs, lists,
bold words, entities, a script). The parser is asked for the text of each document without scripts, one
Python call a text; it does not normalise and leaves what was escaped twice, so it does less. It is
compared only where selectolax is installed: it is no dependency of ours.

python -m benchmarks.cleaning
"""

import importlib
import importlib.util
import random
from functools import partial

import polars as pl

from benchmarks.timing import compare
from nightshift.sources.cleaning import cleaned

WORDS = (
    "the a film of about and with war love family in London young dark comedy after who finds his "
    "her secret house night music city"
).split()
TEXTS = 8_000


def sentences(rng: random.Random) -> list[str]:
    """Eight sentences of twelve words."""
    return [" ".join(rng.choices(WORDS, k=12)).capitalize() + "." for _ in range(8)]


def exported(text: list[str]) -> str:
    """The sentences as a shop exports them."""
    body = "</p><br />\n<ul><li>".join(sentence.replace(" and ", " &amp; <b>and</b> ") for sentence in text)
    return f'<div class="desc"><p>{body}</li></ul></div><script>var a = 1 < 2;</script>&nbsp;caf&eacute;'


def parsed(texts: pl.Series) -> pl.Series:
    """The texts by lexbor."""
    parser = importlib.import_module("selectolax.lexbor").LexborHTMLParser
    found = []
    for text in texts.to_list():
        tree = parser(text)
        tree.strip_tags(["script", "style"], recursive=True)
        found.append(tree.text(separator=" ", deep=True))
    return pl.Series(found)


def ours(series: pl.Series) -> float:
    """Clean the texts; millions of characters."""
    series.to_frame().select(cleaned(pl.col("text")))
    return millions(series)


def bare(series: pl.Series) -> float:
    """The least that could be done; millions of characters."""
    series.str.replace_all(r"\s+", " ")
    return millions(series)


def parser(series: pl.Series) -> float:
    """Parse the texts; millions of characters."""
    parsed(series)
    return millions(series)


def millions(series: pl.Series) -> float:
    """Millions of characters."""
    return float(series.str.len_chars().sum()) / 1e6


def main() -> None:
    """Print the three comparisons."""
    rng = random.Random(0)
    texts = [sentences(rng) for _ in range(TEXTS)]
    plain, marked = (
        pl.Series("text", [" ".join(text) for text in texts]),
        pl.Series("text", [exported(text) for text in texts]),
    )

    unit = "million characters/CPU s"
    lines = []
    for name, series in (("plain", plain), ("html", marked)):
        lines.append(compare(f"cleaning {name}", partial(ours, series), partial(bare, series), unit).line())
    if importlib.util.find_spec("selectolax"):
        lines.append(
            compare("cleaning html, parser", partial(ours, marked), partial(parser, marked), unit).line()
        )
    print("\n".join(lines))


if __name__ == "__main__":
    main()
