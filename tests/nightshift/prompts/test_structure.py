import json
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from nightshift.errors import ConfigError, RejectedAnswer
from nightshift.models.llm.base import FinishReason
from nightshift.models.llm.schema import json_schema, token_limit
from nightshift.prompts.json_answers import read_json


class Inner(BaseModel):
    """A described part."""

    word: str = Field(max_length=5, description="never sent")


class Note(BaseModel):
    """A described model."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: Annotated[str, Field(min_length=1, max_length=40)]
    mood: Literal["dark", "funny"]
    inner: Inner
    tags: list[Literal["war"]] = Field(max_length=2)


class Open(BaseModel):
    text: str


GOOD = {"text": "A film.", "mood": "dark", "inner": {"word": "a"}, "tags": ["war"]}


def reason(answer: str, finish: FinishReason = "stop") -> str:
    with pytest.raises(RejectedAnswer) as raised:
        read_json(answer, finish, Note)
    assert len(str(raised.value)) < 400
    return raised.value.reason


def test_a_schema_holds_what_binds_and_nothing_else() -> None:
    assert json_schema(Note) == (
        '{"additionalProperties":false,"properties":{'
        '"text":{"maxLength":40,"minLength":1,"type":"string"},'
        '"mood":{"enum":["dark","funny"],"type":"string"},'
        '"inner":{"additionalProperties":false,"properties":{"word":{"maxLength":5,"type":"string"}},"required":["word"],"type":"object"},'
        '"tags":{"items":{"enum":["war"],"type":"string"},"maxItems":2,"type":"array"}},'
        '"required":["text","mood","inner","tags"],"type":"object"}'
    )


def test_an_unbounded_model_is_refused_by_model_and_field() -> None:
    with pytest.raises(ConfigError, match=r"Open\.text is a string without maxLength"):
        json_schema(Open)


def test_the_token_limit_is_a_token_a_byte_of_structure_and_one_for_two_characters() -> None:
    structure = len('{"text":"","mood":"funny","inner":{"word":""},"tags":["war","war"]}')
    assert token_limit(json_schema(Note)) == structure + (40 + 5 + 1) // 2


@pytest.mark.parametrize(
    "around",
    ["{}", "  \n{}\n\n", "```json\n{}\n```", "```\n{}\n```", " ```json {} ``` ", "{}" + " " * 100_000],
)
def test_blanks_and_a_fence_around_a_right_object_are_let_pass(around: str) -> None:
    assert read_json(around.replace("{}", json.dumps(GOOD, indent=2)), "stop", Note).mood == "dark"


def test_a_whole_object_is_read_even_where_the_limit_was_reached() -> None:
    assert read_json(json.dumps(GOOD), "length", Note).text == "A film."


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "empty"),
        (" \n" * 50_000, "empty"),
        ("I'm sorry, I can't help with that.", "refusal"),
        ("A fine film.", "not_json"),
        ("Here it is: " + json.dumps(GOOD), "not_json"),
        (json.dumps(GOOD) + " Anything else?", "not_json"),
        (json.dumps(GOOD) * 2, "not_json"),
        (json.dumps([GOOD]), "not_json"),
        (json.dumps(GOOD)[:-1], "not_json"),
        ("null", "not_json"),
        ('{"text":"a","text":"b"}', "not_json"),
        ('{"text":NaN}', "not_json"),
        ("[" * 200_000, "not_json"),
        ('{"a":' * 100_000, "not_json"),
        ("9" * 100_000, "not_json"),
        (json.dumps({"text": "A film."}), "schema"),
        (json.dumps(GOOD | {"more": 1}), "schema"),
        (json.dumps(GOOD | {"text": 7}), "schema"),
        (json.dumps(GOOD | {"tags": ["war", "war", "war"]}), "schema"),
        (json.dumps(GOOD | {"text": ""}), "empty"),
        (json.dumps(GOOD | {"text": "x" * 41}), "too_long"),
        (json.dumps(GOOD | {"mood": "dull"}), "unknown_tag"),
        (json.dumps(GOOD | {"tags": ["peace"]}), "unknown_tag"),
        (json.dumps(GOOD | {"mood": "dull", "more": 1}), "unknown_tag"),
    ],
)
def test_anything_else_is_rejected_with_its_reason(answer: str, why: str) -> None:
    assert reason(answer) == why


def test_an_object_cut_at_the_limit_is_too_long() -> None:
    assert reason('{"text":"A film that goes on', "length") == "too_long"
    assert reason("  ", "length") == "empty"


def test_a_refusal_that_the_server_names_is_one() -> None:
    assert reason("No.", "refusal") == "refusal"
