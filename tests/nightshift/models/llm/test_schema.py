from typing import Any

import pytest

from nightshift.models.llm.instances import instance
from nightshift.models.llm.schema import Bounds, bounds, compact

TEXT = {"type": "string", "maxLength": 10, "minLength": 1}
CHOICE = {"enum": ["a", "café"]}


def closed(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("schema", "longest"),
    [
        (CHOICE, '"café"'),
        (closed(mood=CHOICE), '{"mood":"café"}'),
        (closed(mood=CHOICE, note=TEXT), '{"mood":"café","note":""}'),
        ({"type": "array", "items": CHOICE, "maxItems": 3}, '["café","café","café"]'),
        ({"type": "array", "items": CHOICE, "maxItems": 0}, "[]"),
        ({"type": "integer", "minimum": -100, "maximum": 9}, "-100"),
        ({"type": "boolean"}, "false"),
        (closed(), "{}"),
    ],
)
def test_structure_is_the_longest_instance_without_its_free_text(
    schema: dict[str, Any], longest: str
) -> None:
    assert bounds(schema).structure == len(longest.encode())


def test_free_text_is_counted_in_characters_and_lists_multiply_it() -> None:
    assert bounds(TEXT) == Bounds(2, 10, 1)
    assert bounds({"type": "array", "items": TEXT, "maxItems": 3, "minItems": 2}) == Bounds(
        len('["","",""]'), 30, 2
    )


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (closed(note={"type": "string"}), "the answer.note is a string without maxLength"),
        (closed(notes={"type": "array", "items": TEXT}), "the answer.notes is a list without maxItems"),
        (
            closed(stars={"type": "integer", "minimum": 0}),
            "the answer.stars is an integer without minimum and maximum",
        ),
        (closed(price={"type": "number"}), "the answer.price has type 'number'"),
        (closed(any={"anyOf": [TEXT, {"type": "null"}]}), "the answer.any has type None"),
        ({"type": "object", "properties": {"a": TEXT}, "required": ["a"]}, "open object"),
        (
            {"type": "object", "properties": {"a": TEXT}, "required": [], "additionalProperties": False},
            "open object",
        ),
        ({"type": ["string", "null"]}, "has type"),
    ],
)
def test_what_is_open_is_refused_by_its_place(schema: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        bounds(schema)


def test_an_instance_takes_its_words_from_the_text() -> None:
    schema = closed(
        summary={"type": "string", "maxLength": 12},
        likes={"type": "array", "items": {"enum": ["war", "love"]}, "maxItems": 2, "minItems": 1},
        mood={"enum": ["sad", "dark"]},
        stars={"type": "integer", "minimum": 1, "maximum": 5},
        new={"type": "boolean"},
        notes={"type": "array", "items": TEXT, "maxItems": 3},
    )
    fields = {"Liked": "A love story", "Disliked": "A war", "Movie": "dark"}
    said = instance(schema, fields, "A long story of it all.")
    assert said["summary"] == "A long."
    assert (said["likes"], said["mood"]) == (["love"], "dark")
    assert 1 <= said["stars"] <= 5
    assert isinstance(said["new"], bool)
    assert said["notes"] == ["A long."]
    assert said == instance(schema, fields, "A long story of it all.")
    assert len(compact(said).encode()) <= bounds(schema).structure + bounds(schema).text
