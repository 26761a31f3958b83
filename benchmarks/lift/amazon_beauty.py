"""Amazon Beauty: what the products' titles are worth, read by a text encoder; nobody has recorded a language model's words about them.

12,101 products, 22,363 buyers, no times: each buyer's last product is held out and ranked among all products (misses of the candidate
stage count as misses).

python -m benchmarks.lift.amazon_beauty --data FOLDER      (FOLDER/amazon_beauty/items.parquet and interactions.parquet)
"""

from benchmarks.lift.options import options
from benchmarks.lift.sparse import Sparse, two_cores

FILES = ("amazon_beauty/items.parquet", "amazon_beauty/interactions.parquet")
CANDIDATES = two_cores(sources=("popular", "item_knn", "ease", "raw"), neighbours=1_000, l2=300.0)


def main() -> None:
    """Embed, build, judge, print."""
    given = options(__doc__, *FILES)
    Sparse("amazon_beauty", CANDIDATES).run(given)


if __name__ == "__main__":
    main()
