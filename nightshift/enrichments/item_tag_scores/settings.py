"""Settings of `item_tag_scores`, the block `tags` of nightshift.yaml."""

from pydantic import BaseModel, Field


class TagSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """How tags are scored."""

    vocabulary: str = "movies"
    """A vocabulary that ships with Nightshift, or the path of your own YAML file beside nightshift.yaml."""
    max_input_chars: int = Field(400, ge=40)
    """Longest title or description given to the model, in characters. Part of the prompt."""
