"""Amazon Beauty: what the products' titles are worth, read by a text encoder; nobody has recorded a language model's words about them.

12,101 products, 22,363 buyers, no times: each buyer's last product is held out and ranked among all products (misses of the candidate
stage count as misses).

python -m benchmarks.lift.amazon_beauty --data FOLDER      (FOLDER/amazon_beauty/items.parquet and interactions.parquet)
"""

from benchmarks.lift.options import options
from benchmarks.lift.sparse import Sparse
from nightshift.candidates.settings import CandidateSettings

FILES = ("amazon_beauty/items.parquet", "amazon_beauty/interactions.parquet")
CANDIDATES = CandidateSettings(  # shrinkage by second-last events, docs/candidates.md
    sources=("popular", "item_knn", "ease", "raw"),
    window_days=10_000,
    neighbours=1_000,
    shrinkage=20.0,
    l2=300.0,
    ease_items=6_000,
    train_lists=10_000,
    valid_lists=2_000,
    test_lists=4_000,
)


def main() -> None:
    """Embed, build, judge, print."""
    given = options(__doc__, *FILES)
    Sparse("amazon_beauty", CANDIDATES).run(given)


if __name__ == "__main__":
    main()
