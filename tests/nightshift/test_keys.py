import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from nightshift.storage.content_key import KEY_LENGTH, canonical, content_key

PARTS = st.lists(st.text(max_size=5), max_size=4)


@given(PARTS, PARTS)
def test_keys_are_equal_exactly_when_the_parts_are(left: list[str], right: list[str]) -> None:
    assert (content_key(*left) == content_key(*right)) == (left == right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (("ab", "c"), ("a", "bc")),
        (("abc",), ("abc", "")),
        (("",), ()),
        (("a", "b"), ("b", "a")),
        (("a\x00", "b"), ("a", "\x00b")),
    ],
)
def test_moving_a_character_to_the_next_part_changes_the_key(
    left: tuple[str, ...], right: tuple[str, ...]
) -> None:
    assert content_key(*left) != content_key(*right)


def test_a_key_is_short_hexadecimal_and_never_changes_between_versions() -> None:
    key = content_key("echo@1", "text")
    assert len(key) == KEY_LENGTH
    assert set(key) <= set(string.hexdigits.lower())
    assert (
        key == "f577d27ad3a81ad17b4d4f0b304a33b1"
    )  # a change of this value asks every customer's model everything again


def test_a_lone_surrogate_has_a_key_of_its_own() -> None:
    assert content_key("\ud800") != content_key("\udfff")


def test_canonical_text_is_the_same_for_equal_values_in_any_order() -> None:
    class Knobs(BaseModel):
        b: float = 0.1
        a: str = "é"

    assert (
        canonical({"b": 0.1, "a": "é"})
        == canonical({"a": "é", "b": 0.1})
        == canonical(Knobs())
        == '{"a":"é","b":0.1}'
    )
    assert canonical((1, "x")) == canonical([1, "x"])
    assert canonical({"a": 1}) != canonical({"a": 1.0})
