"""Amazon Beauty: what SmolLM2-135M reads in the products' titles, against a text encoder's reading, and
dealt to other products.

The small model scores a vocabulary of 63 tags and shows its states (some minutes, once, for `--home` keeps
them); it writes no prose. 12,101 products, 22,363 buyers, no times: each buyer's last product is held out
and ranked among all products (misses of the candidate stage count as misses).

python -m benchmarks.lift.amazon_beauty --data FOLDER      (FOLDER/amazon_beauty/items.parquet and
interactions.parquet)
"""

from pathlib import Path

from benchmarks.lift.options import options
from benchmarks.lift.sparse import Sparse, two_cores

FILES = ("amazon_beauty/items.parquet", "amazon_beauty/interactions.parquet")
CANDIDATES = two_cores(sources=("popular", "item_knn", "ease", "raw"), neighbours=1_000, l2=300.0)
WRITTEN = {
    "llm": {"backend": "transformers", "model": "smollm2-135m-instruct"},
    "tags": {"vocabulary": str(Path(__file__).with_name("beauty.yaml").resolve())},
    "budget": {"tables": {"item_facts": 0}},
}


def main() -> None:
    """Read, embed, build, judge, print."""
    given = options(__doc__, *FILES)
    Sparse("amazon_beauty", CANDIDATES, WRITTEN).run(given)


if __name__ == "__main__":
    main()
