import pytest

from nightshift.enrichments.group_facts.prompt import group_facts
from nightshift.enrichments.item_facts.enrichment import item_facts
from nightshift.enrichments.item_facts.settings import FactsSettings
from nightshift.errors import RejectedAnswer
from nightshift.prompts.parsing import LEAST_VARIETY, accept, sentence
from nightshift.prompts.vocabulary import load_vocabulary


def reason(answer: str, finish: str = "stop", max_words: int = 40, not_these: tuple[str, ...] = ()) -> str:
    with pytest.raises(RejectedAnswer) as raised:
        sentence(accept(answer, finish), max_words, not_these)  # type: ignore[arg-type]
    assert raised.value.detail in str(raised.value)
    return raised.value.reason


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I cannot help.",
        "I’m sorry, I can’t assist with that",
        "Im sorry",
        "As an AI, I have no films",
        "Well, as an AI language model I have seen none",
        "As a language model, I have no opinion",
        "I can't provide a summary",
        "I cannot answer that question",
        "I'm unable to say",
        "I'm not able to write this",
        "I don't have any information about this film",
        "I don’t have enough context",
        "I apologise for the trouble",
        "I APOLOGIZE",
    ],
)
def test_a_refusal_is_told_from_an_answer(answer: str) -> None:
    assert reason(answer) == "refusal"


@pytest.mark.parametrize(
    "answer",
    [
        "A widow is sorry for what she did.",
        "A thief cannot help falling in love.",
        "A lonely writer befriends a robot that wakes as an AI of its own making.",
        "Hi I can sing: a musical about a choir.",
        "A taxi can’t provide what he is looking for.",
    ],
)
def test_a_film_about_sorrow_or_machines_is_no_refusal(answer: str) -> None:
    assert sentence(accept(answer, "stop"), 40) == answer


def test_a_server_that_says_refusal_is_believed() -> None:
    assert reason("A fine film.", "refusal") == "refusal"


@pytest.mark.parametrize("answer", ["", "  \n\t "])
def test_nothing_is_an_empty_answer_however_it_ended(answer: str) -> None:
    assert reason(answer) == reason(answer, "length") == "empty"


def test_an_answer_cut_at_the_token_limit_is_too_long() -> None:
    assert reason("A film that goes on and", "length") == "too_long"


def test_the_word_limit_is_inclusive() -> None:
    words = [f"w{n}" for n in range(40)]
    assert sentence(" ".join(words), 40) == " ".join(words)
    assert reason(" ".join([*words, "more"])) == "too_long"


def test_a_word_without_end_is_no_sentence() -> None:
    assert reason("x" * 801) == reason("digits " + "1" * 100_000) == "too_long"
    assert sentence("x" * 800, 40)


def test_what_nobody_sees_is_no_part_of_a_sentence() -> None:
    assert sentence("A film\x1b[31m of\u202e two\u200bsome\x00.", 40) == "A film [31m of twosome ."


def test_stuttering_starts_below_half_distinct_words_in_eight_or_more() -> None:
    assert LEAST_VARIETY == 0.5
    assert sentence("one two three four ONE TWO THREE FOUR", 40)  # half are distinct
    assert reason("one two three one One two three one") == "repetition"
    assert sentence("sad sad sad sad sad sad sad", 40)  # seven words may repeat


def test_a_copied_example_is_ungrounded() -> None:
    assert reason("Copied.", not_these=("Copied.",)) == "ungrounded"
    assert sentence("Copied, almost.", 40, ("Copied.",))


def test_a_rejection_shows_the_start_of_a_long_answer_only() -> None:
    with pytest.raises(RejectedAnswer) as raised:
        accept("word " * 5000, "length")
    assert len(str(raised.value)) < 200


def test_facts_refuse_the_summaries_of_their_own_examples(tmp_path: object) -> None:
    vocabulary = load_vocabulary("movies", tmp_path)  # type: ignore[arg-type]
    prompt = item_facts(FactsSettings(), vocabulary)
    assert prompt.parse(" Two cops chase a thief. ", "stop").summary == "Two cops chase a thief."
    for example in vocabulary.examples:
        with pytest.raises(RejectedAnswer, match="ungrounded"):
            prompt.parse(f" {example.summary}", "stop")


def test_a_refusal_of_no_words_is_a_refusal() -> None:
    with pytest.raises(RejectedAnswer, match="refusal"):
        accept("", "refusal")


@pytest.mark.parametrize(
    "answer", ["Movie: Heat (1995)", "movie: Heat", "About: Crime, Drama", "Kind of movie: Crime"]
)
def test_the_next_items_line_is_no_sentence_about_this_one(answer: str, tmp_path: object) -> None:
    vocabulary = load_vocabulary("movies", tmp_path)  # type: ignore[arg-type]
    for prompt in (item_facts(FactsSettings(), vocabulary), group_facts(FactsSettings(), vocabulary)):
        with pytest.raises(RejectedAnswer, match="schema: begins another item"):
            prompt.parse(answer, "stop")
