"""Goodreads: GPT-3.5's description of each book, recorded, against the same features from its title, and
dealt to other books.

16,833 books, 23,089 readers with at most nine books each, no times: each reader's last book in the file is
held out and ranked among all books (misses of the candidate stage count as misses). GPT-3.5 wrote from the
title alone.

python -m benchmarks.lift.goodreads --data FOLDER      (FOLDER/goodreads/items.parquet and
interactions.parquet)
"""

from benchmarks.lift.content import recorded_by
from benchmarks.lift.options import options
from benchmarks.lift.sparse import Sparse, two_cores

FILES = ("goodreads/items.parquet", "goodreads/interactions.parquet")
CANDIDATES = two_cores(sources=("popular", "item_knn", "ease", "raw", "facts"))


def main() -> None:
    """Write, build, judge, print."""
    given = options(__doc__, *FILES)
    llm = recorded_by("gpt-3.5-turbo@once", given.data / FILES[0], "item_id", "gpt_description")
    Sparse("goodreads", CANDIDATES, {"llm": llm}).run(given)


if __name__ == "__main__":
    main()
