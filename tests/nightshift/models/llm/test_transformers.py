"""The embedded backend against transformers itself, in float32 where equality is meant."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nightshift.models.llm.base import LLM, Decoding, Question, Request
from nightshift.models.llm.conformance import LLMConformance
from nightshift.models.llm.transformers import TransformersLLM, TransformersSettings, load_tokenizer
from nightshift.models.weights.weights import prepare_llm

pytestmark = [pytest.mark.model, pytest.mark.xdist_group("model")]

SHOTS = (
    "Movie: Annie Hall (1977)\nGenres: Comedy, Romance\nSummary: A comedian looks back on a love affair.\n\n"
)
TEXTS = [
    "Movie: Fargo (1996)\nGenres: Crime\nSummary:",
    "Movie: Toy Story (1995)\nGenres: Animation, Comedy\nSummary:",
    "Movie: Heat (1995)\nSummary:",
    "Movie: The Englishman Who Went Up a Hill But Came Down a Mountain (1995)\nGenres: Romance\nSummary:",
    "Movie: Alien (1979)\nSummary:",
]
DECODING = Decoding(max_new_tokens=12, repetition_penalty=1.15, stop=("\n",))
QUESTIONS = [
    Question("mood", "\nMood:", (" dark", " funny", " bittersweet", " bitter and cold", " heartwarming")),
    Question("audience", "\nAudience:", (" children", " adults")),
]


def _requests(texts: list[str], decoding: Decoding = DECODING, instructions: str = SHOTS) -> list[Request]:
    return [Request(str(place), instructions, text, decoding) for place, text in enumerate(texts)]


@pytest.fixture(scope="module")
def exact(model_cache: Path) -> TransformersLLM:
    """float32 with prefix reuse, three rows in flight so that rows wait, leave and join."""
    return TransformersLLM(TransformersSettings(dtype="float32", batch_size=3), model_cache)


@pytest.fixture(scope="module")
def reference(model_cache: Path) -> tuple[Any, Any]:
    """transformers' own model and tokenizer, float32."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = prepare_llm("smollm2-135m-instruct", model_cache)
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32
    ).eval(), AutoTokenizer.from_pretrained(folder)


class TestConformance(LLMConformance):
    keeps_schemas = True

    @pytest.fixture(autouse=True)
    def _remember_cache(self, model_cache: Path) -> None:
        type(self).cache = model_cache  # type: ignore[attr-defined]

    def make_llm(self) -> LLM:
        return TransformersLLM(TransformersSettings(context_tokens=512), self.cache)  # type: ignore[attr-defined]


def test_answers_equal_generate_row_by_row(exact: TransformersLLM, reference: tuple[Any, Any]) -> None:
    import torch

    model, tokenizer = reference
    for answer, request in zip(exact.answer(_requests(TEXTS)), _requests(TEXTS), strict=True):
        ids = tokenizer(request.prompt, return_tensors="pt")
        with torch.inference_mode():
            out = model.generate(
                **ids, do_sample=False, max_new_tokens=12, repetition_penalty=1.15, pad_token_id=2
            )
        plain = tokenizer.decode(out[0, ids.input_ids.shape[1] :], skip_special_tokens=True)
        assert answer.text == plain.split("\n")[0]


def test_the_prefix_cache_changes_no_answer_in_float32(exact: TransformersLLM, model_cache: Path) -> None:
    bare = TransformersLLM(TransformersSettings(dtype="float32", prefix_cache=False), model_cache)
    with_prefix, without = exact.answer(_requests(TEXTS)), bare.answer(_requests(TEXTS))
    assert [answer.text for answer in with_prefix] == [answer.text for answer in without]
    assert all(answer.cached_tokens == 0 for answer in without)


def test_a_later_call_reuses_the_prefix_for_every_row(exact: TransformersLLM) -> None:
    exact.answer(_requests(TEXTS[:1]))
    answers = exact.answer(_requests(TEXTS[1:3]))
    assert all(answer.cached_tokens > 15 for answer in answers)


def test_a_row_that_departs_inside_the_prefix_is_answered_as_if_alone(exact: TransformersLLM) -> None:
    odd = ["\n\n", *TEXTS[:2]]  # newlines after newlines are tokens of another kind
    together = exact.answer(_requests(odd))
    assert together[1].text == exact.answer(_requests(TEXTS[:1]))[0].text


def test_scores_equal_a_plain_pass_over_the_whole_text(
    exact: TransformersLLM, reference: tuple[Any, Any]
) -> None:
    import torch

    model, tokenizer = reference
    for scored, request in zip(exact.score(_requests(TEXTS), QUESTIONS), _requests(TEXTS), strict=True):
        expected = []
        for question in QUESTIONS:
            stem = tokenizer(request.prompt + question.stem).input_ids
            for choice in question.choices:
                whole = tokenizer(request.prompt + question.stem + choice).input_ids
                with torch.inference_mode():
                    shares = model(torch.tensor([whole])).logits[0].log_softmax(-1)
                expected.append(
                    sum(float(shares[place - 1, whole[place]]) for place in range(len(stem), len(whole)))
                )
        np.testing.assert_allclose(scored.log_probabilities, expected, atol=1e-3)


def test_hidden_is_the_last_state_at_the_end_of_each_stem(
    exact: TransformersLLM, reference: tuple[Any, Any]
) -> None:
    import torch

    model, tokenizer = reference
    scored, request = exact.score(_requests(TEXTS), QUESTIONS)[1], _requests(TEXTS)[1]
    assert scored.hidden is not None
    for place, question in enumerate(QUESTIONS):
        ids = torch.tensor([tokenizer(request.prompt + question.stem).input_ids])
        with torch.inference_mode():
            state = model.model(ids).last_hidden_state[0, -1].numpy()
        np.testing.assert_allclose(scored.hidden[place], state, atol=1e-3)


OWN = [
    (Question("next", "\nNext:", (" Alien (1979)", " Aliens (1986)", " Heat (1995)")),),
    (Question("next", "\nNext:", (" Casino",)), *QUESTIONS),
    (Question("next", "\nNext:", tuple(f" The Film of {year}" for year in range(1970, 1990))),),
    QUESTIONS[:1],
    (Question("bare", "", (" dark", " funny and sad")),),
]


def _with_own(texts: list[str] = TEXTS) -> list[Request]:
    return [
        replace(request, questions=tuple(own)) for request, own in zip(_requests(texts), OWN, strict=True)
    ]


def _states(rows: list[Any]) -> np.ndarray:
    return np.concatenate([row.hidden for row in rows])


def test_a_rows_own_choices_equal_the_shared_path_asked_of_each_row_alone(exact: TransformersLLM) -> None:
    together = exact.score(_with_own(), QUESTIONS)
    alone = [exact.score([row], own)[0] for row, own in zip(_requests(TEXTS), OWN, strict=True)]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.log_probabilities, other.log_probabilities, atol=1e-3)
    np.testing.assert_allclose(_states(together), _states(alone), atol=1e-3)


def test_a_rows_own_choices_equal_a_plain_pass_over_the_whole_text(
    exact: TransformersLLM, reference: tuple[Any, Any]
) -> None:
    import torch

    model, tokenizer = reference
    for scored, request in zip(exact.score(_with_own(), ()), _with_own(), strict=True):
        expected = []
        for question in request.questions:
            stem = tokenizer(request.prompt + question.stem).input_ids
            for choice in question.choices:
                whole = tokenizer(request.prompt + question.stem + choice).input_ids
                with torch.inference_mode():
                    shares = model(torch.tensor([whole])).logits[0].log_softmax(-1)
                expected.append(
                    sum(float(shares[place - 1, whole[place]]) for place in range(len(stem), len(whole)))
                )
        np.testing.assert_allclose(scored.log_probabilities, expected, atol=1e-3)


def test_order_and_padding_move_no_score_of_a_rows_own_choices(
    exact: TransformersLLM, model_cache: Path
) -> None:
    forward, backward = exact.score(_with_own(), ()), exact.score(_with_own()[::-1], ())[::-1]
    one_by_one = TransformersLLM(TransformersSettings(dtype="float32", batch_size=1), model_cache).score(
        _with_own(), ()
    )
    for other in (backward, one_by_one):
        for one, two in zip(forward, other, strict=True):
            np.testing.assert_allclose(one.log_probabilities, two.log_probabilities, atol=1e-3)
        np.testing.assert_allclose(_states(forward), _states(other), atol=1e-3)


def test_an_overlong_row_leaves_room_for_its_own_branches_only(model_cache: Path) -> None:
    llm = TransformersLLM(TransformersSettings(dtype="float32", context_tokens=256), model_cache)
    long = replace(_requests(["plot " * 3000 + "\nMood:"])[0], questions=(Question("mood", "", (" dark",)),))
    deep = replace(
        _requests(TEXTS[:1])[0], key="deep", questions=(Question("next", "\nNext:", (" and so on" * 20,)),)
    )
    alone, together = llm.score([long], ())[0], llm.score([long, deep], ())[0]
    np.testing.assert_allclose(alone.log_probabilities, together.log_probabilities, atol=1e-3)
    assert alone.prompt_tokens == together.prompt_tokens


def test_choices_beyond_one_pass_are_refused_with_their_row(model_cache: Path) -> None:
    llm = TransformersLLM(TransformersSettings(), model_cache)
    many = Question("next", "\nNext:", tuple(f" {place} {place}" for place in range(6000)))
    with pytest.raises(ValueError, match=r"row '0': its choices are a tree of [\d,]+ tokens, at most 8,192"):
        llm.score([replace(_requests(TEXTS[:1])[0], questions=(many,))], ())


def test_a_sampled_answer_does_not_depend_on_its_neighbours(exact: TransformersLLM) -> None:
    decoding = Decoding(max_new_tokens=8, temperature=0.8, seed=3)
    together = exact.answer(_requests(TEXTS, decoding))
    assert together[0].text == exact.answer(_requests(TEXTS[:1], decoding))[0].text


def test_a_markup_token_in_an_items_text_is_plain_text(model_cache: Path) -> None:
    tokenizer = load_tokenizer(TransformersSettings(), model_cache)
    assert tokenizer is not None
    ids = tokenizer.encode(["<|im_end|>"])[0]
    assert len(ids) > 1
    assert tokenizer.decode(ids) == "<|im_end|>"


def test_an_overlong_row_is_cut_in_its_middle_and_counted(model_cache: Path) -> None:
    llm = TransformersLLM(TransformersSettings(context_tokens=256), model_cache)
    answers = llm.answer(_requests(["plot " * 3000 + "\nSummary:", TEXTS[0]]))
    assert llm.truncated_rows == 1
    assert answers[0].prompt_tokens == 256 - DECODING.max_new_tokens


def test_instructions_beyond_the_context_are_refused(model_cache: Path) -> None:
    llm = TransformersLLM(TransformersSettings(context_tokens=256), model_cache)
    with pytest.raises(ValueError, match="the instructions take"):
        llm.answer(_requests(TEXTS[:1], instructions="word " * 400))


def test_requests_of_several_instructions_keep_their_order(exact: TransformersLLM) -> None:
    mixed = [_requests(TEXTS[:1])[0], Request("x", "", "Once upon a time", DECODING), _requests(TEXTS)[1]]
    assert [answer.key for answer in exact.answer(mixed)] == ["0", "x", "1"]
