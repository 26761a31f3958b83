"""A user's history as both forms of `user_preferences` show it, and the made-up users that examples are
made of."""

from collections.abc import Sequence

from pydantic import BaseModel

from nightshift.prompts.item_text import one_line
from nightshift.prompts.vocabulary import Example

USER_FIELDS = ("liked", "disliked")
"""Lists of `title [tag, tag]`, newest first, prepared by
`nightshift.prompts.portraits`."""


class Preferences(BaseModel, extra="forbid", frozen=True):
    """What an answer says about a user."""

    likes: list[str]
    dislikes: list[str]
    summary: str


Side = Sequence[Example]


def history(liked: Sequence[str], disliked: Sequence[str]) -> str:
    """Two lines: what was liked and what was disliked."""
    return f"Liked: {_listed(liked)}\nDisliked: {_listed(disliked)}"


def _listed(items: Sequence[str]) -> str:
    return "; ".join(one_line(item, 120) for item in items) or "nothing yet"


def worked_users(examples: Side) -> list[tuple[Side, Side]]:
    """Made-up users over the vocabulary's own example items, liked and disliked: a new domain needs no
    second set of examples."""
    users = [(examples[:1], examples[1:2]), (examples[1:3], examples[:1]), (examples[2:3], examples[3:])]
    return [(liked, disliked) for liked, disliked in users if liked and disliked]


def worked_history(liked: Side, disliked: Side) -> str:
    """`history` of a made-up user."""
    return history([_shown(e) for e in liked], [_shown(e) for e in disliked])


def _shown(example: Example) -> str:
    return f"{example.title} [{', '.join(list(example.tags.values())[:2])}]"
