"""What can be set about features: one class a family, every field with its sentence."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from nightshift.days import Moment
from nightshift.features.candidates.settings import CandidateSettings

Family = Literal["base", "text", "llm", "permuted", "template"]
"""Who pays for a column: nobody, a text encoder, a language model, or one of its placebos (answers of
other items, the template)."""


class Frozen(BaseModel):
    """Settings are values: frozen, unknown keys refused, each field documented by its docstring."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


SimilarityColumn = Literal[
    "liked",
    "disliked",
    "difference",
    "highest",
    "top3",
    "last",
    "recent",
    "labels",
    "evidence",
    "nearest_labels",
]
"""Ways to compare a candidate with a signed history; see nightshift.features.similarity."""


class CountSettings(Frozen):
    """Click rates and counts before a moment."""

    smoothing: float = Field(default=10.0, gt=0)
    """Events of the overall click rate that every rate is blended with (a beta prior's strength)."""
    recent_days: float = Field(default=30.0, gt=0)
    """Length of the recent window of counts and rates, in days."""
    recent_events: int = Field(default=10, ge=1)
    """Newest events of a user that make up the recent click rate."""


class CollaborativeSettings(Frozen):
    """The collaborative score: item-item weights refitted on a grid of days, always on events before the
    refit."""

    refit_days: float = Field(default=7.0, gt=0)
    """Days between refits; the grid starts at 1970 so that data never moves it."""
    refit_growth: float = Field(default=0.02, ge=0)
    """A refit is skipped unless the events before it grew by this share since the last one."""
    l2: float = Field(default=100.0, gt=0)
    """Ridge of EASE, in events: higher leans on fewer strong co-occurrences."""
    smoothing: float = Field(default=5.0, gt=0)
    """Shared users that a pair's agreement is shrunk by."""
    max_items: int = Field(default=4000, ge=1)
    """Most active items that get a collaborative score; a refit costs the cube of it and holds four
    squares of it in memory."""


class SimilaritySettings(Frozen):
    """Similarity of a candidate to a user's signed history in one view."""

    dimensions: int | None = Field(default=None, ge=1, le=256)
    """Whitened dimensions of every view. None: 32 under 5,000 items, else 128. Large catalogues tell their
    items apart by what 32 dimensions lose: of 2,000 buyers' second-last products of Amazon Beauty 9.1%
    were among the 50 nearest in 32, 14.4% in 128."""
    nearest: int = Field(default=10, ge=1)
    """History items, and catalogue neighbours, that count as near."""
    half_life: float = Field(default=10.0, gt=0)
    """Events after which a liked item weighs half in the recency-weighted similarity."""
    sharpness: float = Field(default=5.0, gt=0)
    """How fast a past label loses weight with distance: weight = exp(sharpness * (cosine - 1))."""
    columns: tuple[SimilarityColumn, ...] = ("difference", "highest", "labels", "evidence", "nearest_labels")
    """Comparisons given to the ranker; all ten and the facets gained no more on MovieLens-100K's
    validation, and cost the placebo 0.0009 AUC."""
    facets: bool = False
    """Adds tag likings and overlaps facet by facet to their totals."""
    emit_dimensions: int = Field(default=0, ge=0, le=32)
    """Whitened dimensions of the candidate given to the ranker as columns of their own."""


class CodesSettings(Frozen):
    """Semantic ids: how vectors are quantized. A codebook is fitted once and kept; a change here fits
    another one."""

    enabled: bool = True
    """Publishes `item_codes`; false leaves the table empty. What rankers read of it:
    `examples.features.codes`, `lift.din`."""
    levels: int = Field(default=3, ge=1, le=8)
    """Codes of an item, coarse to fine."""
    size: Literal[2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] | None = None
    """Centroids of a level. None: 32 under 5,000 items, 64 under 20,000, 128 under 100,000, else 256."""
    dimensions: int = Field(default=32, ge=1, le=256)
    """Whitened dimensions that are quantized."""
    least_share: float = Field(default=0.5, ge=0, le=1)
    """Share of the catalogue that must have a vector before a codebook is fitted; until then the view has
    no codes."""


class FeatureSettings(Frozen):
    """Everything that decides the feature columns."""

    families: tuple[Family, ...] = ("base", "text", "llm", "permuted", "template")
    """Families that are built. `template` has columns only where a template says other than the source
    text."""
    permutations: int = Field(default=3, ge=1, le=20)
    """Times that the answers are dealt to other items for the placebo: families `permuted`, `permuted2`,
    ... The seeds of the arm `permuted` take turns, so that more dealings cost columns and no training.
    Does not change the other families."""
    history_length: int = Field(default=200, ge=1)
    """Most recent events of a user that similarities and affinities look at."""
    counts: CountSettings = CountSettings()
    """Click rates and counts."""
    collaborative: CollaborativeSettings = CollaborativeSettings()
    """The collaborative score."""
    similarity: SimilaritySettings = SimilaritySettings()
    """Similarities to the signed history."""
    codes: bool = False
    """Adds click rates and likings of semantic-id prefixes (`item_codes`) to `text`, `llm` and `permuted`."""
    lists: bool = True
    """Adds rank and z-score within the row's list to every similarity, affinity and score column."""
    chunk_rows: int = Field(default=25_000, ge=1)
    """Rows built at a time; bounds memory, changes speed only."""


class ExampleSettings(Frozen):
    """How events become training rows."""

    features: FeatureSettings = FeatureSettings()
    """The feature columns."""
    candidates: CandidateSettings = CandidateSettings()
    """Implicit feedback: what is ranked, and which of it a ranker learns from. Not used for other
    feedback."""
    split: Literal["time", "last"] = "time"
    """time: train, validation and test are three spans of time, the same for everybody. last: each user's
    last moment is the test and the one before it validation. `last` is weaker: a ranker learns from
    moments later than those it is judged on. For data without times."""
    train_until: Moment | None = None
    """First moment of validation; null takes the `train_share` quantile of event times."""
    valid_until: Moment | None = None
    """First moment of the test; null takes the `valid_share` quantile of event times."""
    train_share: float = Field(default=0.6, gt=0, lt=1)
    """Share of all events that lie before validation."""
    valid_share: float = Field(default=0.8, gt=0, lt=1)
    """Share of all events that lie before the test."""
    seed: int = 0
    """Seed of the permuted family's mapping and of the lists that are drawn."""
