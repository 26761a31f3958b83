"""Decoding by a schema, on a vocabulary of single bytes: the longest way to write anything."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightshift.enrichments.item_facts.json_prompt import answer_model as facts_model
from nightshift.enrichments.user_preferences.json_prompt import answer_model as taste_model
from nightshift.models.llm.conformance import Told
from nightshift.models.llm.grammar import Grammar, Grammars, completes
from nightshift.models.llm.schema import json_schema, token_limit
from nightshift.prompts.vocabulary import load_vocabulary

MOVIES = load_vocabulary("movies", Path())
MODELS = [Told, facts_model(MOVIES, 200), taste_model(MOVIES, 200)]
SCHEMAS = [json_schema(model) for model in MODELS]
END = 256


@pytest.fixture(scope="module")
def grammars(tmp_path_factory: pytest.TempPathFactory) -> Grammars:
    """A tokenizer of 256 bytes and an end token, written as a model's folder holds it."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={sign: number for number, sign in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("<end>", special=True)])
    folder = tmp_path_factory.mktemp("bytes")
    tokenizer.save(str(folder / "tokenizer.json"))
    return Grammars(folder, END + 1, [END])


def byte_values() -> list[int]:
    """The byte each token stands for, as byte-level vocabularies spell them."""
    from tokenizers import pre_tokenizers

    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    spelled = {chr(byte): byte for byte in printable} | {
        chr(256 + place): byte for place, byte in enumerate(others)
    }
    return [spelled[sign] for sign in sorted(pre_tokenizers.ByteLevel.alphabet())]


BYTES = byte_values()


def wander(grammar: Grammar, limit: int, choose: Any) -> tuple[str, int]:
    """An answer in which `choose` picks among the allowed tokens; its text and tokens."""
    matcher, written = grammar.matcher(), bytearray()
    for step in range(limit):
        allowed = grammar.mask([matcher], [limit - step])[0].nonzero().flatten().tolist()
        token = choose(allowed)
        if token != END:
            written.append(BYTES[token])
        if completes(matcher, token):
            return written.decode(), step + 1
    raise AssertionError(f"not complete after {limit} tokens: {written.decode(errors='replace')}")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), which=st.integers(0, len(MODELS) - 1))
def test_whatever_a_model_prefers_its_answer_is_complete_within_the_token_limit(
    grammars: Grammars, seed: int, which: int
) -> None:
    chance = random.Random(seed)
    schema = SCHEMAS[which]
    text, _ = wander(grammars.compiled(schema), token_limit(schema), chance.choice)
    MODELS[which].model_validate_json(text, strict=True)


@pytest.mark.parametrize("which", range(len(MODELS)))
def test_a_model_that_never_closes_a_string_is_closed(grammars: Grammars, which: int) -> None:
    schema = SCHEMAS[which]
    quote = BYTES.index(ord('"'))

    def reluctant(allowed: list[int]) -> int:
        others = [token for token in allowed if token != quote]
        return max(others or allowed, key=lambda token: BYTES[token] if token < END else -1)

    text, _ = wander(grammars.compiled(schema), token_limit(schema), reluctant)
    said = json.loads(text)
    assert said["summary"]


def test_free_whitespace_and_control_characters_have_no_place(grammars: Grammars) -> None:
    grammar = grammars.compiled(SCHEMAS[0])
    matcher = grammar.matcher()
    for sign in '{"summary":"A':
        assert not completes(matcher, BYTES.index(ord(sign)))
    allowed = {
        BYTES[token]
        for token in grammar.mask([matcher], [500])[0].nonzero().flatten().tolist()
        if token < END
    }
    assert not allowed & {*range(32), 127}
    start = grammar.mask([grammar.matcher()], [500])[0].nonzero().flatten().tolist()
    assert [BYTES[token] for token in start] == [ord("{")]


def test_rows_of_a_batch_stand_where_they_stand_and_a_complete_row_may_do_anything(
    grammars: Grammars,
) -> None:
    grammar = grammars.compiled(SCHEMAS[0])
    done, fresh = grammar.matcher(), grammar.matcher()
    whole = '{"summary":"A","mood":"dark","tags":["war"],"stars":5,"series":true}'
    ended = [completes(done, BYTES.index(ord(sign))) for sign in whole]
    assert ended == [False] * (len(whole) - 1) + [True]
    allowed = grammar.mask([done, fresh], [9, 500])
    assert allowed.shape == (2, END + 1)
    assert (int(allowed[0].sum()), int(allowed[1].sum())) == (END + 1, 1)


def test_a_token_outside_the_grammar_is_a_bug_and_says_so(grammars: Grammars) -> None:
    with pytest.raises(ValueError, match="outside its grammar"):
        completes(grammars.compiled(SCHEMAS[0]).matcher(), BYTES.index(ord("x")))


def test_an_unbounded_schema_is_never_compiled(grammars: Grammars) -> None:
    with pytest.raises(ValueError, match="maxLength"):
        grammars.compiled('{"type":"string"}')


def test_a_schema_is_compiled_once(grammars: Grammars) -> None:
    assert grammars.compiled(SCHEMAS[1]) is grammars.compiled(SCHEMAS[1])
