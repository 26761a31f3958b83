"""Which columns are ids: the one both files share, and the user's."""

from nightshift.sources.onboarding import words
from nightshift.sources.onboarding.columns import Column
from nightshift.sources.onboarding.guess import Answers, Guess, answered, column_said, names, share
from nightshift.sources.onboarding.samples import Samples


def guess_item_ids(found: Samples, answers: Answers) -> tuple[Guess, Guess]:
    """The catalogue's id and the events' item id: the pair that shares most values."""
    said = (
        column_said("items.item_id", answers, found.items),
        column_said("interactions.item_id", answers, found.events),
    )
    catalogue = (
        [said[0]]
        if said[0]
        else [one for one in found.items.columns.values() if one.is_key and one.repeats < 2]
    )
    events = [said[1]] if said[1] else [one for one in found.events.columns.values() if one.is_key]
    if said[0] and not said[1] and said[0].name in found.events.columns:
        events = [found.events.columns[said[0].name]]
    pairs = sorted(
        ((_fit(found, one, other), one, other) for one in catalogue for other in events),
        key=lambda pair: -pair[0],
    )
    if not pairs or (pairs[0][0] <= 0 and not all(said)):
        why = (
            "no column of the catalogue has different values in its rows that a column of the events repeats"
        )
        return Guess("items.item_id", None, why, False, True), Guess(
            "interactions.item_id", None, why, False, True
        )
    _, one, other = pairs[0]
    return _catalogue_id(found, one, other, answers), _event_id(found, one, other, answers)


def _fit(found: Samples, one: Column, other: Column) -> float:
    """How well two columns go together: the share of ids that match, 0 where none does, moved by what the
    columns are called."""
    overlap, _ = found.overlap(one.name, other.name)
    if overlap < 0.01:
        return 0.0
    called = 0.2 * other.named(*words.ITEM) + 0.1 * one.named(*words.ITEM) - 0.6 * other.named(*words.USER)
    return overlap + 0.4 * (one.name == other.name) + called


def _catalogue_id(found: Samples, one: Column, other: Column, answers: Answers) -> Guess:
    extra = len(one.text) - one.distinct
    unique = f"{one.distinct:,} different values in {found.items.rows}" + (
        f", {extra:,} rows repeat one" if extra else ""
    )
    both = "in both files; " if one.name == other.name else ""
    return answered("items.item_id", answers) or Guess(
        "items.item_id", one.name, f"{both}{unique}", needed=True
    )


def _event_id(found: Samples, one: Column, other: Column, answers: Answers) -> Guess:
    overlap, asked = found.overlap(one.name, other.name)
    why = f"{share(overlap)} of {asked:,} sampled values are in the catalogue's {one.name!r}"
    return answered("interactions.item_id", answers) or Guess(
        "interactions.item_id", other.name, why, overlap >= 0.05, needed=True
    )


def guess_user_id(found: Samples, answers: Answers, taken: set[str]) -> Guess:
    """Who acted: by its name, else the only id that is left and repeats."""
    setting = "interactions.user_id"
    if column_said(setting, answers, found.events):
        return answered(setting, answers) or Guess(setting, None, "")
    keys = [
        one
        for one in found.events.columns.values()
        if one.is_key and one.name not in taken and one.distinct > 1 and not one.is_binary
    ]
    named = [one for one in keys if one.named(*words.USER) and not one.named("agent")]
    if named:
        best, rest = named[0], named[1:]
        told = (
            f"named like a user; {best.distinct:,} different values, {best.repeats:.1f} events each in "
            f"{found.events.rows}"
        )
        return Guess(setting, best.name, told, _alone(best, rest), True, names(named))
    others = [
        one
        for one in keys
        if not one.named(*words.LIST, "time", "date") and one.repeats > 1.05 and one.distinct > 20
    ]
    if not others:
        why = "no column of the events is named like a user, and none left over repeats like one"
        return Guess(setting, None, why, False, True, names(keys))
    best = max(others, key=lambda one: one.distinct)
    told = (
        f"no column is named like a user; this one repeats like one: {best.distinct:,} different values, "
        f"{best.repeats:.1f} events each"
    )
    return Guess(setting, best.name, told, False, True, names(others))


def _alone(best: Column, rest: list[Column]) -> bool:
    """No other column says something else: `user_id` beside `user_country` (few values) is no question."""
    return all(one.distinct < best.distinct / 20 or one.distinct == best.distinct for one in rest)
