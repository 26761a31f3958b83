import numpy as np

from nightshift.models.llm import LLMSettings, build_llm, identify
from nightshift.models.llm.base import LLM, Decoding, Question, Request
from nightshift.models.llm.conformance import LLMConformance
from nightshift.models.llm.echo import EchoLLM, EchoSettings

FILM = "Title: Fargo (1996)\nGenres: Crime, Drama\nSummary:"


class TestEcho(LLMConformance):
    keeps_schemas = True

    def make_llm(self) -> LLM:
        return EchoLLM()


class TestEchoWithAPattern(LLMConformance):
    def make_llm(self) -> LLM:
        return EchoLLM(EchoSettings(reply="about {first}"))


def _say(llm: LLM, text: str, decoding: Decoding | None = None) -> str:
    return llm.answer([Request("k", "", text, decoding or Decoding())])[0].text


def test_the_default_reply_repeats_the_texts_own_fields() -> None:
    assert _say(EchoLLM(), FILM) == " Fargo (1996): Crime, Drama."
    assert (
        _say(EchoLLM(), FILM.removesuffix("\nSummary:"))
        == "Tags: crime, drama\nSummary: Fargo (1996): Crime, Drama."
    )


def test_likes_and_dislikes_become_a_taste() -> None:
    text = "Liked: Fargo [crime, dark]; Heat [crime]\nDisliked: Toy Story [funny]\nTaste: Wants"
    assert _say(EchoLLM(), text, Decoding(stop=("\n", "."))) == " crime and dark stories; avoids funny ones"


def test_a_pattern_or_a_callable_replaces_the_reply() -> None:
    assert _say(EchoLLM(EchoSettings(reply="{first} | {rest}")), FILM) == "Fargo (1996) | Crime, Drama"
    assert _say(EchoLLM(reply=lambda request: request.key), FILM) == "k"


def test_an_answer_is_cut_at_its_longest_length() -> None:
    answer = EchoLLM().answer([Request("k", "", FILM, Decoding(max_new_tokens=2))])[0]
    assert (answer.text, answer.finish_reason, answer.new_tokens) == (" Fargo (1996):", "length", 2)


def test_a_choice_found_in_the_text_is_likeliest_and_shares_add_to_one() -> None:
    scored = EchoLLM().score(
        [Request("k", "", FILM)], [Question("genre", "\nGenre:", (" western", " crime", " opera"))]
    )[0]
    assert int(scored.log_probabilities.argmax()) == 1
    assert np.isclose(np.exp(scored.log_probabilities).sum(), 1.0, atol=1e-5)


def test_the_identity_follows_the_pattern() -> None:
    plain, other = LLMSettings(backend="echo"), LLMSettings(backend="echo", reply="x")
    assert identify(plain) != identify(other)


def test_settings_build_the_echo_without_weights(tmp_path: object) -> None:
    llm = build_llm(LLMSettings(backend="echo"), tmp_path)  # type: ignore[arg-type]
    assert llm.identity == identify(LLMSettings(backend="echo"))
