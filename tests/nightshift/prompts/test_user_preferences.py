from pathlib import Path

import pytest

from nightshift.enrichments.user_preferences.enrichment import user_preferences
from nightshift.enrichments.user_preferences.histories import Preferences
from nightshift.enrichments.user_preferences.line_prompt import OPENING, mentioned
from nightshift.enrichments.user_preferences.settings import PreferencesSettings
from nightshift.errors import RejectedAnswer
from nightshift.models.llm.base import FinishReason
from nightshift.prompts.vocabulary import load_vocabulary

MOVIES = load_vocabulary("movies", Path())
PROMPT = user_preferences(PreferencesSettings(), MOVIES)


def read(answer: str, finish: FinishReason = "stop") -> Preferences:
    return PROMPT.parse(answer, finish)


def reason(answer: str, finish: FinishReason = "stop") -> str:
    with pytest.raises(RejectedAnswer) as raised:
        read(answer, finish)
    return raised.value.reason


def test_an_answer_becomes_likes_dislikes_and_one_sentence() -> None:
    said = read(" dark stories about crime; avoids sweet stories about love")
    assert said == Preferences(
        likes=["dark", "crime"],
        dislikes=["sweet", "love"],
        summary="Wants dark stories about crime; avoids sweet stories about love.",
    )


def test_a_tag_on_both_sides_counts_as_liked() -> None:
    said = read("funny stories about war; avoids sad stories about war")
    assert (said.likes, said.dislikes) == (["funny", "war"], ["sad"])


def test_an_answer_without_a_dislike_has_none() -> None:
    assert read("funny ones").dislikes == []
    assert read("funny ones; Fargo (1996) [dark, crime]") == Preferences(
        likes=["funny"], dislikes=[], summary="Wants funny ones."
    )


def test_what_follows_the_second_clause_is_left_out_even_when_it_was_cut() -> None:
    said = read("funny ones; avoids sad ones; 12 Angry Men [tense, jus", "length")
    assert said.summary == "Wants funny ones; avoids sad ones."


@pytest.mark.parametrize("answer", ["funny stories about", "funny ones; avoids stories about love and"])
def test_a_clause_that_was_cut_is_too_long(answer: str) -> None:
    assert reason(answer, "length") == "too_long"
    assert read(answer, "stop")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "empty"),
        (" ; avoids war", "empty"),
        ("I'm sorry, I can't say; avoids war", "refusal"),
        ("war and war and war and war and war; avoids war and war", "repetition"),
        ("word " * 41, "too_long"),
        ("tense stories about murder; avoids warm stories about family", "ungrounded"),
    ],
)
def test_a_bad_answer_has_its_reason(answer: str, why: str) -> None:
    assert reason(answer) == why


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("violence and romance", ["romantic", "violent"]),
        ("Romantic, VIOLENT!", ["romantic", "violent"]),
        ("historical dramas about murderers", ["murder", "history"]),
        ("warfare and saddle", []),  # short tags need the whole word
        ("war; sad", ["sad", "war"]),
        (
            "familiar faces",
            ["family", "families"],
        ),  # a stem of five letters is generous, and both tags are one family
        ("", []),
    ],
)
def test_a_tag_is_spoken_of_by_its_word_or_its_first_letters(text: str, tags: list[str]) -> None:
    assert mentioned(text, MOVIES.tags) == tags


def test_tags_of_another_domain_are_found_as_they_are_spelled() -> None:
    tags = ["sci-fi", "science fiction", "Children's", "café", "it", "romance"]
    assert mentioned("Sci-Fi, but no fiction", tags) == ["sci-fi"]
    assert mentioned("science fiction for children's rooms", tags) == ["science fiction", "Children's"]
    assert mentioned("a café and its romantic guests", tags) == ["café", "romance"]


def test_the_prompt_ends_with_its_opening_and_knows_two_lines_of_history() -> None:
    text = PROMPT.build({"liked": ["Fargo [dark]", "A\nDisliked: B"], "disliked": []})
    assert text == f"Liked: Fargo [dark]; A Disliked: B\nDisliked: nothing yet\n{OPENING}"
    assert PROMPT.instructions.count(OPENING) == len(PROMPT.instructions.strip().split("\n\n")) == 3


def test_long_titles_are_cut() -> None:
    text = PROMPT.build({"liked": ["x" * 1_000_000] * 5, "disliked": ["y" * 1_000_000] * 3})
    assert len(text) < 8 * 130 + 100
