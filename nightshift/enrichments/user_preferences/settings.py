"""Settings of `user_preferences`, the block `preferences` of nightshift.yaml."""

from typing import Literal

from pydantic import BaseModel, Field


class PreferencesSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """How user preferences are read."""

    form: Literal["line", "json"] = "line"
    """`line`: worked examples and one line to complete, for small models. `json`: instructions and one
    object with the liked and disliked tags of the vocabulary and a sentence. Another form is another
    prompt: every user is asked again."""
    recent: int = Field(3, ge=1)
    """Newest liked (and disliked) items shown to the model. Part of the prompt."""
    representative: int = Field(2, ge=0)
    """Liked items closest to the middle of what the user liked, shown besides the newest. Part of the
    prompt."""
    tags_per_item: int = Field(2, ge=0)
    """Tags written behind each title. Part of the prompt."""
    least_history: int = Field(3, ge=1)
    """Users with fewer events than this get the template: there is nothing to read yet."""
    max_summary_words: int = Field(40, ge=5)
    """Longest summary accepted, in words. Not part of the prompt: changing it re-reads stored answers for
    free."""
    max_summary_chars: int = Field(200, ge=40)
    """Longest summary of the form `json`, in characters: part of its schema, and of its token limit. Not
    read by `line`."""
    max_new_tokens: int = Field(48, ge=16)
    """Longest answer of the form `line` in tokens. Part of the content key: changing it asks every user
    again."""
    repetition_penalty: float = Field(1.1, ge=1.0)
    """Keeps a small model from stuttering in the form `line`; not used in `json`. Part of the content key."""
