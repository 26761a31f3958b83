import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from nightshift.serving import ids as module
from nightshift.serving.ids import Ids

NAME = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=12)


def ids_of(names: list[str]) -> Ids:
    arrays = Ids.arrays(pl.Series("item_id", names, pl.String))
    return Ids(arrays["names"], arrays["numbers"])


@settings(deadline=None)
@given(st.lists(NAME, unique=True, max_size=40), st.lists(NAME, max_size=40))
def test_numbers_are_those_of_the_catalogue_and_one_further_for_the_unknown(
    names: list[str], asked: list[str]
) -> None:
    known = {name: number for number, name in enumerate(names)}
    ids = ids_of(names)
    for _ in range(2):  # searched, then remembered
        assert ids.of([*asked, *names]).tolist() == [known.get(name, len(names)) for name in [*asked, *names]]


def test_an_id_is_not_found_by_its_beginning_or_its_padding() -> None:
    ids = ids_of(["abc", "abcd", "ж"])
    assert ids.of(["ab", "abc", "abcde", "abc\x00", "", "ж", "\ud800"]).tolist() == [3, 0, 3, 3, 3, 2, 3]


def test_made_up_ids_are_not_remembered_and_known_ones_are_up_to_a_bound() -> None:
    ids = ids_of([f"item-{number}" for number in range(1000)])
    ids.of([f"made-up-{number}" for number in range(5000)])
    assert len(ids._seen) == 0
    ids.of([f"item-{number}" for number in range(1000)])
    assert len(ids._seen) == 1000 <= module.REMEMBERED
    np.testing.assert_array_equal(ids.of(["item-7", "item-999"]), [7, 999])
