"""Cron's five fields: the verdict is Dagster's, and the message names the field."""

import itertools

import pytest
from dagster._utils.schedules import is_valid_cron_schedule

from nightshift.cron import checked_cron

PARTS = (
    "* ? L 0 1 5 7 8 12 13 23 24 29 31 32 59 60 61 */5 */0 */60 1-5 5-1 1-5/2 22-2 fri MON-FRI "
    "fri-mon jan Feb feb-mar 1,2 1, ,5 L5 5L "
    "5#2 5#6 mon#1 1#1,2 W 15W 1/5 -1 1.5 x 1- a-b *-5 sun 7-1 07 H ?/2"
).split()
"""What a field may hold, and what it may not."""


def accepted(cron: str) -> bool:
    try:
        return checked_cron(cron) == cron
    except ValueError:
        return False


@pytest.mark.parametrize(("place", "part"), list(itertools.product(range(5), PARTS)))
def test_a_field_is_accepted_where_dagster_accepts_it(place: int, part: str) -> None:
    fields = ["0", "1", "*", "*", "*"]
    fields[place] = part
    cron = " ".join(fields)
    assert accepted(cron) == is_valid_cron_schedule(cron)


@pytest.mark.parametrize("cron", ["0 1 * *", "0 1 * * * *", "", "soon", "0 1 30 2 *", "0 1 30,31 feb *"])
def test_what_dagster_refuses_as_a_whole_is_refused(cron: str) -> None:
    assert not accepted(cron)
    assert not is_valid_cron_schedule(cron) or "31" in cron


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("61 25 * * *", "minute '61' is not 0 to 59"),
        ("0 25 * * *", "hour '25' is not 0 to 23"),
        ("0 1 0 * *", "day-of-month '0' is not 1 to 31"),
        ("0 1 * 13 *", "month '13' is not 1 to 12 or jan to dec"),
        ("0 1 * * 8", "day-of-week '8' is not 0 to 7 or sun to sat"),
        ("*/0 1 * * *", "minute '*/0' steps by 0"),
        ("0 1 31 4,6 *", "there is no day-of-month '31' in month '4,6'"),
        ("0 1 * *", "cron's five fields, minute hour day-of-month month day-of-week, such as '0 1 * * *'"),
    ],
)
def test_the_field_is_named_with_what_it_may_hold(cron: str, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("*", r"\*")):
        checked_cron(cron)


def test_a_day_of_the_week_makes_up_for_a_day_that_no_month_has() -> None:
    assert accepted("0 1 31 4 fri")
