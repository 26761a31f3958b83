"""Thresholds of the checks, the block `checks` of nightshift.yaml. None of them changes an answer, a
feature or a content key."""

from pydantic import BaseModel, Field


class CheckSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """What a night must satisfy. docs/checks.md says what to do when one fails, and how often each cries
    wolf."""

    max_reject_share: float = Field(0.5, ge=0, le=1)
    """Share of a prompt's answers (0 to 1) that may be rejected before the night fails; rejected rows
    carry a fallback."""
    max_repeated_answers: float = Field(0.25, ge=0, le=1)
    """Share of a table's different requests (0 to 1) that a model may have answered with one and the same
    text; above it a warning."""
    max_similar_openings: float = Field(0.5, ge=0, le=1)
    """Share of a table's different texts (0 to 1) that may begin with the same five words; above it a
    warning."""
    least_answers: int = Field(10, ge=1)
    """Answers of a table below which neither of the two is judged."""
    block_repeated_answers: bool = False
    """Whether those two keep the table from being published, instead of warning."""
    min_tag_coverage: float = Field(0.99, ge=0, le=1)
    """Share of items (0 to 1) that must have tag scores; the budget may lower it."""
    leak_sample: int = Field(40, ge=1)
    """Training rows rebuilt from raw events to prove that nothing came from the future."""
    max_tag_drift: float = Field(0.1, ge=0, le=1)
    """Largest Jensen-Shannon divergence (base 2, 0 to 1) of the tag frequencies to the night before; above
    it a warning."""
    max_vector_drift: float = Field(0.05, ge=0, le=2)
    """Largest distance (1 - cosine) of a view's mean vector to the night before, beyond what chance
    explains in tables of that size; above it a warning. Not applied between two encoders."""
    max_spread_change: float = Field(0.25, ge=0)
    """Largest relative change of a view's spread (mean squared distance to its mean vector) to the night
    before; above it a warning."""
    max_equal_vectors: float = Field(0.5, ge=0, le=1)
    """Share of a view's different texts (0 to 1) that may have one and the same vector; above it the table
    is not published."""
    max_row_drop: float = Field(0.3, ge=0, le=1)
    """Share of last night's items, or events, that may be missing tonight before nothing is published. 1
    allows any loss."""
    max_event_age_hours: float = Field(48.0, gt=0)
    """Hours between the newest event and the night; above it a warning. Sources with an order and no times
    have no age."""
    max_fallback_share: float = Field(1.0, ge=0, le=1)
    """Share of rows (0 to 1) that may carry a fallback, whatever the reason; above it a warning. 1 never
    warns."""
    max_fallback_rise: float = Field(0.1, ge=0, le=1)
    """Rise of the share of fallbacks (0 to 1) since the night before, among the rows that both nights have
    and beyond what the budget deferred; above it a warning."""
    usual_nights: int = Field(7, ge=1)
    """Published nights before tonight whose spending says what is usual."""
    max_cost_ratio: float = Field(3.0, ge=1)
    """Tonight's tokens, or dollars, by the median of the usual nights; above it, and above every one of
    them, a warning."""
    least_cost_tokens: int = Field(100_000, ge=0)
    """Tokens of a table below which a night is never called expensive."""
    least_cost_usd: float = Field(1.0, ge=0)
    """Dollars of a table below which a night is never called expensive."""
