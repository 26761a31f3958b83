"""Settings of `item_facts`, the block `facts` of nightshift.yaml; `group_facts` shares them."""

from typing import Literal

from pydantic import BaseModel, Field


class FactsSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """How item facts are written."""

    form: Literal["line", "json"] = "line"
    """`line`: worked examples and one line to complete, for small models; tags come from the scores.
    `json`: instructions and one object with a sentence and a tag a facet, for models that follow
    instructions; tags come from the answer, which needs no scores. Another form is another prompt: every
    item is asked again."""
    tags_per_facet: int = Field(1, ge=0)
    """Tags taken from each facet of the vocabulary, the strongest first, where tags come from scores. Asks
    nothing again."""
    max_summary_words: int = Field(40, ge=5)
    """Longest summary accepted, in words. Not part of the prompt: changing it re-reads stored answers for
    free."""
    max_summary_chars: int = Field(200, ge=40)
    """Longest summary of the form `json`, in characters: part of its schema, and of its token limit. Not
    read by `line`."""
    opening: str = Field("", pattern=r"^(?:[^\n{}]*\{title\}[^\n{}]*)?$")
    """How the sentence begins in the form `line`, `{title}` for the item's title without its year: `In
    {title},` lets a small model go on about this item instead of its genre. The worked examples begin so
    too; the summary is what follows. Part of the prompt: changing it asks every item again. Empty: the
    sentence begins with the model's first word."""
    max_input_chars: int = Field(400, ge=40)
    """Longest title or description given to the model, in characters. Part of the prompt: changing it asks
    longer items again."""
    max_new_tokens: int = Field(48, ge=16)
    """Longest answer of the form `line` in tokens. Part of the content key: changing it asks every item
    again."""
    repetition_penalty: float = Field(1.15, ge=1.0)
    """Keeps a small model from stuttering in the form `line`; in `json` it would punish quotes and tags,
    and is not used. Part of the content key."""
    max_equal_sentences: int | None = Field(None, ge=1)
    """Items that may have one sentence, letter case and marks at the end aside. Where a model writes it of
    one more, the answer is rejected as `repeated`, asked once again, and then the item has its group's
    sentence or the template. Not part of the prompt: it holds for answers to come, those accepted before
    stay; switched off again, what it rejected is read for free. Null: any number."""
    min_group_items: int = Field(5, ge=1)
    """Items that must share an attribute to make it a group of `group_facts`. Asks only about groups that
    come or go."""
    max_groups: int = Field(64, ge=0)
    """Most groups of `group_facts`, those with the most items; 0: no sentence a group. Asks only about
    groups that come or go."""
