from pathlib import Path

import numpy as np
import polars as pl
import pytest

from nightshift.enrichments.item_tag_scores.prompt import centred, item_tag_scores
from nightshift.enrichments.item_tag_scores.settings import TagSettings
from nightshift.errors import RejectedAnswer
from nightshift.prompts.vocabulary import Example, Facet, Vocabulary, load_vocabulary

TWO = Vocabulary(
    name="two",
    version=1,
    facets=(Facet(name="mood", tags=("dark", "sad")), Facet(name="theme", tags=("war", "love", "sad"))),
    examples=(Example(title="T", tags={"mood": "dark", "theme": "war"}, summary="s"),),
)


def rows(*scores: list[float]) -> pl.DataFrame:
    frame = pl.DataFrame({"item_id": [str(n) for n in range(len(scores))]})
    return frame.with_columns(
        pl.Series("scores", list(scores), dtype=pl.List(pl.Float32)), content_key=pl.lit("k")
    )


def test_every_item_gets_every_tag_of_every_facet_once() -> None:
    frame = centred(rows([-1.0, -2.0, -1.0, -2.0, -3.0], [-2.0, -1.0, -3.0, -2.0, -1.0]), TWO)
    assert frame.height == 2 * 5
    assert frame.select("item_id", "facet", "tag").n_unique() == 10
    assert frame["content_key"].unique().to_list() == ["k"]


def test_scores_are_log_shares_within_a_facet_centred_per_tag() -> None:
    raw = np.log([[0.9, 0.1, 0.2, 0.2, 0.6], [0.5, 0.5, 0.6, 0.2, 0.2]])
    frame = centred(rows(*(raw + 7.0).tolist()), TWO)  # a constant per facet is no information
    wide = frame.pivot("item_id", index=["facet", "tag"], values="score")
    assert np.allclose(wide["0"] + wide["1"], 0, atol=1e-6)
    dark = wide.filter(pl.col("tag") == "dark").row(0, named=True)
    assert dark["0"] == pytest.approx((np.log(0.9) - np.log(0.5)) / 2, abs=1e-5)


def test_the_models_taste_for_a_word_is_removed() -> None:
    biased = [[-0.1, -3.0, -0.1, -5.0, -5.0]] * 3
    assert np.allclose(centred(rows(*biased), TWO)["score"], 0, atol=1e-6)


def test_no_rows_and_one_row_have_scores_of_zero_or_none() -> None:
    assert centred(rows(), TWO).is_empty()
    assert centred(rows([-1.0] * 5), TWO)["score"].to_list() == [0.0] * 5


def test_scores_of_another_vocabulary_are_not_taken() -> None:
    with pytest.raises(ValueError):
        centred(rows([-1.0, -2.0]), TWO)


def test_questions_follow_the_vocabulary_and_the_worked_examples_show_them() -> None:
    prompt = item_tag_scores(TagSettings(), load_vocabulary("movies", Path()))
    assert [q.stem for q in prompt.questions] == ["\nMood:", "\nTheme:", "\nAudience:", "\nReputation:"]
    assert all(choice.startswith(" ") for q in prompt.questions for choice in q.choices)
    assert all(q.stem in prompt.instructions for q in prompt.questions)
    assert not prompt.build({"title": "T", "text": None, "attributes": None}).endswith("\n")


def test_a_scored_prompt_has_no_text_to_read() -> None:
    with pytest.raises(RejectedAnswer, match="scored, not answered"):
        item_tag_scores(TagSettings(), TWO).parse("dark", "stop")
