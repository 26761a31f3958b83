"""Goodreads: GPT-3.5's description of each book, recorded, against the same features from its title, and dealt to other books.

16,833 books, 23,089 readers with at most nine books each, no times: each reader's last book in the file is held out and ranked among
all books (misses of the candidate stage count as misses). GPT-3.5 wrote from the title alone.

python -m benchmarks.lift.goodreads --data FOLDER      (FOLDER/goodreads/items.parquet and interactions.parquet)
"""

from benchmarks.lift.content import recorded_by
from benchmarks.lift.options import options
from benchmarks.lift.sparse import Sparse
from nightshift.candidates.settings import CandidateSettings

FILES = ("goodreads/items.parquet", "goodreads/interactions.parquet")
CANDIDATES = CandidateSettings(  # shrinkage by second-last events, docs/candidates.md
    sources=("popular", "item_knn", "ease", "raw", "facts"),
    window_days=10_000,
    shrinkage=20.0,
    ease_items=6_000,
    train_lists=10_000,
    valid_lists=2_000,
    test_lists=4_000,
)


def main() -> None:
    """Write, build, judge, print."""
    given = options(__doc__, *FILES)
    llm = recorded_by("gpt-3.5-turbo@once", given.data / FILES[0], "item_id", "gpt_description")
    Sparse("goodreads", CANDIDATES, llm=llm).run(given)


if __name__ == "__main__":
    main()
