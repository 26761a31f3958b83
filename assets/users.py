"""Group `users`: what a language model read out of user histories."""

import dagster as dg

from assets.answering import MODEL_POOL, ask
from assets.declare import Events, manifests, publish, table_asset
from assets.embedding import embed
from assets.items import REJECT_SHARE
from assets.night_comparisons import (
    COST,
    DISTINCT,
    FALLBACK_SHARE,
    OPENINGS,
    REPEATED,
    VECTOR_DRIFT,
    drifted,
    fallen_back,
    spending,
)
from assets.pictures import frequencies
from assets.resources import Nightshift
from assets.samples import each_origin
from nightshift.enrichments import assembly as written
from nightshift.enrichments.fallbacks import counts, fallbacks
from nightshift.night.checks import (
    distinct_vectors,
    nothing_from_the_future,
    one_row_each,
    reject_share,
    repeated_answers,
    similar_openings,
    vectors_are_sound,
)
from nightshift.tables import (
    INTERACTIONS,
    ITEM_FACTS,
    ITEM_TAG_SCORES,
    ITEMS,
    USER_EMBEDDINGS,
    USER_PREFERENCES,
)


@table_asset(
    USER_PREFERENCES,
    group="users",
    kinds={"ai", "beam"},
    deps=[INTERACTIONS, ITEMS, ITEM_TAG_SCORES, ITEM_FACTS],
    pool=MODEL_POOL,
    checks={
        "one_row_each": "Every user with an event before the night has exactly one row.",
        "nothing_from_the_future": "No user's newest event is at or after the night.",
        "reject_share": REJECT_SHARE,
        "warn:fallback_share": FALLBACK_SHARE,
        "warn:repeated_answers": REPEATED,
        "warn:similar_openings": OPENINGS,
        "warn:cost": COST,
    },
)
def user_preferences(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
    """What every user wants and avoids, from recent and representative items. No user id ever reaches the
    model."""
    night = nightshift.night(context)
    items, events = night.store.read(ITEMS, night.as_of), night.store.read(INTERACTIONS, night.as_of)
    tags = written.shown_tags(
        night, night.store.read(ITEM_TAG_SCORES, night.as_of), night.store.read(ITEM_FACTS, night.as_of)
    )
    users = night.user_rows(items, events, tags)
    requests = night.user_requests(users, events)
    numbers = ask(context, night, "user_preferences", requests)
    table = written.user_preferences(night, users, requests)
    yield from publish(
        night,
        USER_PREFERENCES,
        table.frame,
        [
            one_row_each(table.frame, users, "user_id"),
            nothing_from_the_future(table.frame, "last_event_at", night.moment),
            reject_share(table.rejects, table.answered, night.settings.checks.max_reject_share),
            fallen_back(night, USER_PREFERENCES, table.frame, numbers["deferred"]),
            repeated_answers(table.frame, night.settings.checks),
            similar_openings(table.frame, night.settings.checks),
            spending(night, "user_preferences"),
        ],
        inputs=manifests(night, INTERACTIONS, ITEMS, ITEM_TAG_SCORES, ITEM_FACTS),
        rejects=table.rejects,
        fallbacks=fallbacks(table.frame),
        numbers=numbers | {f"origin: {origin}": n for origin, n in counts(table.frame).items()},
        draw=lambda: frequencies(night, USER_PREFERENCES, "likes", table.frame, "most liked tags"),
        sample=each_origin(table.frame),
    )


@table_asset(
    USER_EMBEDDINGS,
    group="users",
    kinds={"ai", "beam"},
    deps=[USER_PREFERENCES],
    pool=MODEL_POOL,
    checks={
        "vectors_are_sound": "Vectors are finite and of unit length, from one encoder.",
        "distinct_vectors": DISTINCT,
        "warn:vector_drift": VECTOR_DRIFT,
    },
)
def user_embeddings(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
    """A vector of what the model wrote about each user, in the space of the items' `facts` view."""
    night = nightshift.night(context)
    texts = written.user_texts(night, night.store.read(USER_PREFERENCES, night.as_of))
    numbers = embed(context, night, texts)
    frame = written.user_embeddings(night, texts)
    different = distinct_vectors(frame, texts, night.settings.checks.max_equal_vectors)
    checks = [vectors_are_sound(frame), different, drifted(night, USER_EMBEDDINGS, frame)]
    yield from publish(
        night, USER_EMBEDDINGS, frame, checks, inputs=manifests(night, USER_PREFERENCES), numbers=numbers
    )
