"""Enrichment `user_preferences`: what every user wants and avoids, read from the history before the night."""

from typing import Any

import polars as pl

from nightshift.enrichments.base import Asked, Context, Enrichment, Fallback, TextView
from nightshift.enrichments.entities import USER
from nightshift.enrichments.item_tag_scores.enrichment import chosen_tags
from nightshift.enrichments.user_preferences.json_prompt import preferences_json
from nightshift.enrichments.user_preferences.line_prompt import preferences_line
from nightshift.enrichments.user_preferences.settings import PreferencesSettings
from nightshift.features.specs import PreferenceMatch
from nightshift.prompts.base import Prompt
from nightshift.prompts.portraits import portraits
from nightshift.prompts.vocabulary import Vocabulary
from nightshift.tables import INTERACTIONS, ITEMS, MOMENT, STRINGS, Column


def user_preferences(settings: PreferencesSettings, vocabulary: Vocabulary) -> Prompt[Any]:
    """The prompt with its settings applied, in the form they ask for."""
    form = preferences_json if settings.form == "json" else preferences_line
    return form(settings, vocabulary)


def _users(context: Context[PreferencesSettings]) -> pl.DataFrame:
    """Every user with an event before the night, with what a prompt may see of the history (`portraits`)."""
    settings = context.settings
    return portraits(
        context.read(INTERACTIONS.name),
        context.read(ITEMS.name),
        _shown_tags(context),
        settings.recent,
        settings.representative,
        settings.tags_per_item,
    )


def _shown_tags(context: Context[PreferencesSettings]) -> pl.DataFrame:
    """`item_id, tags`: the strongest scored ones or, where the model cannot score, those of `item_facts`."""
    scores = context.read("item_tag_scores")
    if scores.is_empty():
        return context.read("item_facts").select("item_id", "tags").filter(pl.col("tags").list.len() > 0)
    return chosen_tags(scores, context.settings_of("item_facts").tags_per_facet)


def _readable(context: Context[PreferencesSettings], users: pl.DataFrame) -> pl.DataFrame:
    """Users with enough history to read."""
    return users.filter(pl.col("history_length") >= context.settings.least_history)


def _template(context: Context[PreferencesSettings], users: pl.DataFrame) -> pl.DataFrame:
    return users.select("user_id", likes="like_tags", dislikes="dislike_tags", summary=_plain_history())


def _plain_history() -> pl.Expr:
    liked, disliked = (pl.col(side).list.head(2).list.join("; ") for side in ("liked", "disliked"))
    wanted = pl.when(liked == "").then(pl.lit("nothing yet")).otherwise(liked)
    return pl.format("Liked: {}. Disliked: {}.", wanted, disliked)


def _with_history(
    context: Context[PreferencesSettings],
    users: pl.DataFrame,
    settled: pl.DataFrame,
    answered: pl.DataFrame,
) -> pl.DataFrame:
    history = users.select("user_id", "history_length", "last_event_at")
    return settled.join(history, on="user_id", maintain_order="left")


TEXT = (
    "items.title",
    "interactions.label",
    "interactions.timestamp",
    "item_tag_scores.tag",
    "item_tag_scores.score",
    "item_facts.tags",
)
"""What the prompt shows of the items in the history."""
ENRICHMENT = Enrichment(
    name="user_preferences",
    about="What each user likes and dislikes, read from the history before the night.",
    details="What every user wants and avoids, from recent and representative items. No user id ever "
    "reaches the model.",
    entity=USER,
    columns={
        "history_length": Column(pl.Int32, "events before the night"),
        "last_event_at": Column(MOMENT, "newest event before the night"),
        "likes": Column(STRINGS, "tags of the closed vocabulary"),
        "dislikes": Column(STRINGS, "tags of the closed vocabulary"),
        "summary": Column(pl.String, "one sentence for people and for the text encoder"),
    },
    maker=Asked(user_preferences, asks=_readable),
    settings=PreferencesSettings,
    block="preferences",
    reads=("interactions", "items", "item_tag_scores", "item_facts"),
    rows=_users,
    fallback=Fallback(template=_template),
    finish=_with_history,
    views=(TextView("facts", pl.col("summary")),),
    features=(PreferenceMatch("preference", "likes", "dislikes", "facts", part="preferences"),),
    pictures={"likes": "most liked tags"},
    sources={
        "user_id": ("interactions.user_id",),
        "history_length": ("interactions.timestamp",),
        "last_event_at": ("interactions.timestamp",),
        "likes": TEXT,
        "dislikes": TEXT,
        "summary": TEXT,
        "content_key": TEXT,
    },
    turn=40,
)
