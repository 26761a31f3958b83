from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from nightshift.enrichments.user_preferences.settings import PreferencesSettings
from nightshift.prompts.portraits import portraits

START = datetime(2024, 1, 1, tzinfo=UTC)
ITEMS = pl.DataFrame({"item_id": list("abcdefgh"), "title": list("ABCDEFGH")})
TAGS = pl.DataFrame(
    {"item_id": list("abcdefg"), "tags": [["dark", "war"]] * 3 + [["sweet", "love"]] * 2 + [["epic"], []]}
)
SETTINGS = PreferencesSettings(recent=2, representative=1)


def events(seen: str, user: str = "u", start: datetime = START) -> pl.DataFrame:
    """One event an hour: a capital is a like, a small letter a dislike."""
    rows = [(user, c.lower(), start + timedelta(hours=n), float(c.isupper())) for n, c in enumerate(seen)]
    return pl.DataFrame(
        rows,
        schema={
            "user_id": pl.String,
            "item_id": pl.String,
            "timestamp": pl.Datetime("us", "UTC"),
            "label": pl.Float32,
        },
        orient="row",
    )


def shown_of(log: pl.DataFrame, settings: PreferencesSettings = SETTINGS) -> pl.DataFrame:
    return portraits(log, ITEMS, TAGS, settings.recent, settings.representative, settings.tags_per_item)


def portrait(seen: str, settings: PreferencesSettings = SETTINGS) -> dict[str, object]:
    return shown_of(events(seen), settings).row(0, named=True)


def test_the_newest_come_first_and_then_the_most_typical() -> None:
    shown = portrait("ABDE")["liked"]
    assert shown == ["E [sweet, love]", "D [sweet, love]", "B [dark, war]"]
    assert portrait("ABCFDE", PreferencesSettings(recent=1, representative=1))["liked"] == [
        "E [sweet, love]",
        "C [dark, war]",
    ]


def test_a_representative_item_is_not_shown_twice() -> None:
    assert portrait("AA")["liked"] == ["A [dark, war]"]
    assert portrait("AB", PreferencesSettings(recent=1, representative=5))["liked"] == [
        "B [dark, war]",
        "A [dark, war]",
    ]


def test_likes_and_dislikes_are_kept_apart_with_their_tags() -> None:
    row = portrait("ABd")
    assert row["disliked"] == ["D [sweet, love]"]
    assert (row["like_tags"], row["dislike_tags"]) == (["dark", "war"], ["love", "sweet"])
    assert (row["history_length"], row["last_event_at"]) == (3, START + timedelta(hours=2))


def test_items_without_tags_are_shown_by_title() -> None:
    assert portrait("GH")["liked"] == ["H", "G"]
    assert portrait("GH")["like_tags"] == []
    assert portrait("A", PreferencesSettings(tags_per_item=0))["liked"] == ["A"]


def test_a_user_who_liked_nothing_has_an_empty_side() -> None:
    row = portrait("de")
    assert (row["liked"], row["like_tags"]) == ([], [])


@pytest.mark.parametrize("seed", range(3))
def test_a_portrait_depends_on_nothing_but_the_users_own_history(seed: int) -> None:
    mixed = pl.concat([events("ABCDe", "u"), events("DEFg", "v"), events("Hab", "w")]).sample(
        fraction=1, shuffle=True, seed=seed
    )
    together = shown_of(mixed)
    assert together["user_id"].to_list() == ["u", "v", "w"]
    for user, seen in (("u", "ABCDe"), ("v", "DEFg"), ("w", "Hab")):
        assert together.filter(pl.col("user_id") == user).equals(shown_of(events(seen, user)))


def test_no_events_no_portraits() -> None:
    frame = shown_of(events(""))
    assert frame.is_empty()
    assert {"liked", "disliked", "like_tags", "dislike_tags"} <= set(frame.columns)
