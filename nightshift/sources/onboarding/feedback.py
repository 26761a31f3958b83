"""What events say about liking: ratings, lists that were shown, or kinds of choices."""

from dataclasses import dataclass

from nightshift.sources.columns import TRUE
from nightshift.sources.onboarding import words
from nightshift.sources.onboarding.columns import Column, counted, number
from nightshift.sources.onboarding.guess import Answers, Guess, answered, column_said, share
from nightshift.sources.onboarding.samples import Sample

MANY_KINDS, MANY_RATINGS = 30, 101
HIGH_RATING = 0.75
"""Ratings from this share of the highest one on are proposed as positive: 4 of 5, 8 of 10."""


@dataclass(frozen=True)
class Signals:
    """Columns that could carry the feedback."""

    rating: Column | None
    click: Column | None
    group: Column | None
    kind: Column | None


def signals(events: Sample, taken: set[str], user: str | None) -> Signals:
    """The likeliest column of each sort."""
    left = [one for one in events.columns.values() if one.name not in taken]
    return Signals(
        rating=next((one for one in left if _is_rating(one)), None),
        click=next((one for one in left if one.is_binary and one.named(*words.CLICK)), None),
        group=next(
            (
                one
                for word in words.REQUEST
                for one in left
                if one.named(word) and _is_group(one, events, user)
            ),
            None,
        ),
        kind=next((one for one in left if _is_kind(one)), None),
    )


def _is_rating(column: Column) -> bool:
    return (
        column.is_number
        and not column.is_binary
        and column.named(*words.RATING)
        and 2 <= column.distinct <= MANY_RATINGS
    )


def _is_group(column: Column, events: Sample, user: str | None) -> bool:
    """An id that several rows share, nearly always those of one user."""
    if not column.is_key or column.repeats < 1.2 or column.distinct < 2:
        return False
    if user is None or user == column.name:
        return user is None
    pairs = events.frame.select(column.name, user).n_unique()
    return pairs <= 1.05 * column.distinct


def _is_kind(column: Column) -> bool:
    few = 2 <= column.distinct <= MANY_KINDS and column.repeats > 2
    return few and not column.is_list and column.is_prose and column.named(*words.KIND)


def guess_feedback(events: Sample, answers: Answers, taken: set[str], user: str | None) -> list[Guess]:
    """The kind of feedback and the settings it needs: feedback, label, positive_from, group, kind,
    positive_kinds."""
    seen = _with_answers(signals(events, taken, user), events, answers)
    feedback = answered("interactions.feedback", answers) or _feedback(seen)
    value = feedback.value
    label = _label(value, seen, answers)
    return [
        feedback, label,
        _threshold(value, events.columns.get(str(label.value)), answers),
        _group(value, seen, answers),
        _kind(seen, answers),
        _positive_kinds(value, seen, answers),
    ]  # fmt: skip


def _with_answers(seen: Signals, events: Sample, answers: Answers) -> Signals:
    """What was said wins over what was seen; a label that was named is a click when it is binary, else a
    rating."""
    label = column_said("interactions.label", answers, events)
    group = (
        column_said("interactions.group", answers, events) if "interactions.group" in answers else seen.group
    )
    kind = column_said("interactions.kind", answers, events) if "interactions.kind" in answers else seen.kind
    if label is None:
        return Signals(seen.rating, seen.click, group, kind)
    return Signals(None if label.is_binary else label, label if label.is_binary else None, group, kind)


def _feedback(seen: Signals) -> Guess:
    setting = "interactions.feedback"
    if seen.click and seen.group:
        shown = number(seen.click.text.str.to_lowercase().is_in(TRUE).mean())
        lists = f"{seen.group.name!r} holds {seen.group.repeats:.1f} rows together"
        return Guess(
            setting,
            "impressions",
            f"{seen.click.name!r} is 0 or 1 ({share(shown)} are 1) and {lists}",
            seen.rating is None,
        )
    if seen.rating:
        return Guess(setting, "explicit", f"{seen.rating.name!r} holds {_scale(seen.rating)}")
    if seen.click:
        why = (
            f"{seen.click.name!r} is 0 or 1, and no column says what was shown together: it is read as a "
            f"rating of 0 or 1"
        )
        return Guess(setting, "explicit", why, False, choices=("explicit", "implicit"))
    if seen.kind:
        return Guess(
            setting,
            "implicit",
            f"no rating and no click beside what was shown; {seen.kind.name!r} says what happened",
        )
    return Guess(setting, "implicit", "no rating, no click, no kind of event: every event is a choice")


def _scale(column: Column) -> str:
    return (
        f"{column.distinct:,} different numbers from {number(column.numbers.min()):g} to {column.largest:g}"
    )


def _label(feedback: str, seen: Signals, answers: Answers) -> Guess:
    setting = "interactions.label"
    column = {"explicit": seen.rating or seen.click, "impressions": seen.click}.get(feedback)
    if feedback == "implicit":
        return Guess(setting, None, "")
    said = answered(setting, answers)
    if said or column is None:
        holds = "ratings" if feedback == "explicit" else "0 or 1"
        return said or Guess(setting, None, f"feedback {feedback} needs a column with {holds}", False, True)
    return Guess(setting, column.name, _scale(column) if column is seen.rating else "0 or 1", needed=True)


def _threshold(feedback: str, label: Column | None, answers: Answers) -> Guess:
    setting = "interactions.positive_from"
    if feedback != "explicit" or label is None:
        return Guess(setting, None, "")
    numbers, said = label.numbers, answers.get(setting)
    if said is not None:
        return Guess(setting, said, f"as you said: {share(number((numbers >= said).mean()))} of the ratings")
    if label.is_binary or numbers.is_empty():
        return Guess(setting, 1, "1 is the positive value", needed=True)
    high = label.largest
    cut = next((value for value in sorted(numbers.unique().to_list()) if value >= HIGH_RATING * high), high)
    part = number((numbers >= cut).mean())
    told = (
        f"{share(part)} of the ratings are at least {cut:g} of {high:g}; what counts as liked is yours to say"
    )
    scale = tuple(f"{value:g}" for value in sorted(numbers.unique().to_list()))
    return Guess(setting, int(cut) if cut == int(cut) else cut, told, False, True, scale)


def _group(feedback: str, seen: Signals, answers: Answers) -> Guess:
    setting = "interactions.group"
    said = answered(setting, answers)
    if said or feedback != "impressions":
        return said or Guess(setting, None, "")
    if seen.group is None:
        return Guess(
            setting,
            None,
            "feedback impressions needs the id of the list in which an item was shown",
            False,
            True,
        )
    told = f"{seen.group.distinct:,} different values, {seen.group.repeats:.1f} rows each, of one user each"
    return Guess(setting, seen.group.name, told, not seen.group.named("session"), True)


def _kind(seen: Signals, answers: Answers) -> Guess:
    setting = "interactions.kind"
    said = answered(setting, answers)
    if said or seen.kind is None:
        return said or Guess(setting, None, "")
    return Guess(setting, seen.kind.name, f"{seen.kind.distinct} different values: {_counted(seen.kind)}")


def _counted(kind: Column) -> str:
    return ", ".join(
        f"{value} {share(count / len(kind.text))}" for value, count in list(counted(kind.text).items())[:8]
    )


def _positive_kinds(feedback: str, seen: Signals, answers: Answers) -> Guess:
    """Choices without looks and refusals, where there are both."""
    setting = "interactions.positive_kinds"
    said = answered(setting, answers)
    if seen.kind is None or feedback != "implicit" or (said and said.value is None):
        return said or Guess(setting, None, "")
    if said:
        return Guess(
            setting,
            said.value,
            f"as you said: {share(number(seen.kind.text.is_in(said.value).mean()))} of the events",
        )
    kinds = list(counted(seen.kind.text))
    word = {kind: Column(kind, seen.kind.values) for kind in kinds}
    willing = [kind for kind in kinds if not word[kind].named(*words.AGAINST)]
    chosen = [kind for kind in willing if not word[kind].named(*words.LOOK)] or willing
    if not chosen or len(chosen) == len(kinds):
        return Guess(setting, None, "")
    part = number(seen.kind.text.is_in(chosen).mean())
    left = ", ".join(kind for kind in kinds if kind not in chosen)
    told = f"{share(part)} of the events; left out: {left}. A look is neither a liking nor a refusal"
    return Guess(setting, chosen, told, False, choices=tuple(kinds))
