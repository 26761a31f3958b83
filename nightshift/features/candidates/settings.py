"""What can be set about candidates."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

SourceName = str
"""Where a candidate comes from: `popular`, `item_knn`, `ease`, a view of items, or what users' rows say; see
nightshift.features.candidates.stage."""

COLLABORATIVE: tuple[SourceName, ...] = ("popular", "item_knn", "ease")
"""Sources that need events only: their scores are columns of the base family, and each is judged as a
ranker of its own."""


class CandidateSettings(BaseModel):
    """The candidate stage of implicit feedback: which items are ranked at all, and which of them a ranker
    learns from."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    sources: tuple[SourceName, ...] = ("popular", "item_knn", "ease", "raw", "facts", "preference")
    """Sources whose union is ranked. `popular`: most events in a window; `item_knn`, `ease`:
    collaborative; `raw`, `facts`: items whose text (source text, what the model wrote) is near the mean of
    the user's recent history; `preference`: near the user's own written facts. A source without its
    vectors finds nothing."""
    per_source: int = Field(default=50, ge=1)
    """Items each source gives a user. Metrics with a cut up to this number are exact for the sources
    themselves."""
    window_days: float = Field(default=30.0, gt=0)
    """Length of the window before the night in which `popular` counts events, in days."""
    neighbours: int = Field(default=200, ge=1)
    """Neighbours that `item_knn` keeps for each item."""
    shrinkage: float = Field(default=20.0, ge=0)
    """Added to the denominator of item_knn's cosine, in users: higher leans less on pairs that few users
    share. Of 5, 10, 20 and 50, 20 stayed within 0.002 of the best recall@20 of second-last events on two
    sparse sets (docs/candidates.md)."""
    l2: float = Field(default=100.0, gt=0)
    """Ridge of EASE, in users."""
    ease_items: int = Field(default=12_000, ge=1, le=20_000)
    """Most active items that EASE knows; a fit takes the cube of it in time and one square of float32 in
    memory (1.6 GB at 20,000)."""
    recency: Literal["auto"] | Annotated[float, Field(gt=0)] | None = "auto"
    """Liked events after which one weighs half in the history that `item_knn` and `ease` score from; null:
    all weigh alike. `auto`: each fit takes the one that ranks its users' last items best
    (docs/candidates.md)."""
    half_life: float = Field(default=3.0, gt=0)
    """Liked events after which one weighs half in the mean that `raw` and `facts` search from. Of
    second-last events of Beauty and Goodreads it found 15.7% and 7.9% among 50, the plain mean 14.4% and
    6.5% (docs/candidates.md)."""
    refit_days: int = Field(default=1, ge=1)
    """Days between fits of `popular`, `item_knn` and `ease`, on a grid that starts with the calendar. 1:
    every night has its own. Training fits once for every night that its lists read and keeps the fits on
    disk under TMPDIR, so with months of nights 7 is cheaper; candidates know up to 6 days less."""
    repeats: bool = False
    """Lets items of a user's past be candidates and targets again. False: what was consumed is neither
    shown nor asked for."""
    score_columns: bool = True
    """Gives the scores of `popular`, `item_knn` and `ease` to the base family (`base__from_*`), which
    makes a strong base. `nightshift.serving` computes the same."""
    negatives: int = Field(default=20, ge=1)
    """Candidates that were not chosen, drawn by `examples.seed` for each list of training and validation;
    test lists are whole."""
    train_lists: int = Field(default=30_000, ge=1)
    """Most moments of the training split that become lists; drawn by `examples.seed`."""
    valid_lists: int = Field(default=5_000, ge=1)
    """Most moments of the validation split."""
    test_lists: int = Field(default=3_000, ge=1)
    """Most moments of the test split. Each has all its candidates, some 200 rows."""
    batch: int = Field(default=256, ge=1)
    """Users scored at a time against the whole catalogue; bounds memory, changes speed only."""
