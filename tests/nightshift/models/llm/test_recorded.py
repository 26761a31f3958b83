from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from nightshift.enrichments.item_facts.enrichment import item_facts
from nightshift.enrichments.item_facts.settings import FactsSettings
from nightshift.errors import ConfigError, ModelUnavailable, RejectedAnswer, SourceError
from nightshift.models.llm import LLMSettings, build_llm, identify
from nightshift.models.llm.base import Question, Request
from nightshift.models.llm.recorded import RecordedAnswers, RecordedFiles, RecordedLLM, keyed, read_recorded
from nightshift.prompts.vocabulary import load_vocabulary

SAID = pl.DataFrame(
    {"id": [1, 2, 3], "said": ["A film.", None, "I'm sorry, but as an AI language model I cannot."]}
)


def block(path: str, key: str = "id", answer: str = "said") -> RecordedFiles:
    return RecordedFiles(item_facts=RecordedAnswers(path=path, key=key, answer=answer))


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_a_file_of_any_kind_gives_row_ids_as_text_and_leaves_out_rows_without_an_answer(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"said.{ending}"
    writers: dict[str, Callable[[Path], object]] = {
        "parquet": SAID.write_parquet,
        "csv": SAID.write_csv,
        "jsonl": SAID.write_ndjson,
    }
    writers[ending](path)
    assert read_recorded(block(path.name), "item_facts", tmp_path).rows() == [
        ("1", "A film."),
        ("3", SAID["said"][2]),
    ]


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_brackets_in_a_path_are_letters(tmp_path: Path, ending: str) -> None:
    root = tmp_path / "shop [v2]"
    root.mkdir()
    writers: dict[str, Callable[[Path], object]] = {
        "parquet": SAID.write_parquet,
        "csv": SAID.write_csv,
        "jsonl": SAID.write_ndjson,
    }
    writers[ending](root / f"said [1].{ending}")
    assert read_recorded(block(f"said [1].{ending}"), "item_facts", root).height == 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("said.jsonl", b'{"id": 1, "said": "a"}\n{"id": 2,\n', "line 2 is not JSON"),
        ("said.csv", "id,said\n1,a\n".encode("utf-16"), "said.csv is UTF-16; save it as UTF-8"),
        ("said.parquet", b"torn", "cannot be read as parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_source_is(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=words):
        read_recorded(block(name), "item_facts", tmp_path)


@pytest.mark.parametrize(
    "ids", [pl.Series([7.0]), pl.Series(["7"]).cast(pl.Decimal(38, 0)), pl.Series([b"7"]), pl.Series([" 7 "])]
)
def test_ids_are_spelt_as_the_sources_spell_them(tmp_path: Path, ids: pl.Series) -> None:
    pl.DataFrame({"id": ids, "said": ["A film."]}).write_parquet(tmp_path / "said.parquet")
    assert read_recorded(block("said.parquet"), "item_facts", tmp_path).rows() == [("7", "A film.")]


def test_a_table_without_a_file_has_nothing_recorded(tmp_path: Path) -> None:
    assert read_recorded(block("said.parquet"), "user_preferences", tmp_path).is_empty()
    assert read_recorded(block("said.parquet"), "item_tag_scores", tmp_path).is_empty()


def test_what_is_wrong_with_a_file_is_said_with_the_way_out(tmp_path: Path) -> None:
    SAID.write_parquet(tmp_path / "said.parquet")
    pl.concat([SAID, SAID.with_columns(said=pl.lit("Another."))]).write_parquet(tmp_path / "twice.parquet")
    (tmp_path / "said.xlsx").touch()
    for path, key, message in (
        ("gone.parquet", "id", "is not there; paths are relative"),
        ("said.xlsx", "id", "must end in .parquet, .csv, .jsonl"),
        ("said.parquet", "asin", "has no column 'asin'; it has id, said"),
        ("twice.parquet", "id", "several answers for '1'"),
    ):
        with pytest.raises(ConfigError, match=message):
            read_recorded(block(path, key), "item_facts", tmp_path)


def test_whose_answers_they_are_must_be_said_with_a_revision(tmp_path: Path) -> None:
    assert (
        identify(LLMSettings(backend="recorded", model="gpt-3.5-turbo@agent4rec")).model_id
        == "gpt-3.5-turbo@agent4rec"
    )
    with pytest.raises(ConfigError, match="must name model and recording"):
        identify(LLMSettings(backend="recorded", model="gpt-3.5-turbo"))


def test_answers_come_in_order_word_for_word_and_cost_nothing() -> None:
    llm = RecordedLLM("m@r", {"a": "First.\nSecond line.", "b": ""})
    answers = llm.answer([Request(key, "Describe.", "Item: x") for key in ("b", "a", "c")])
    assert [(one.key, one.text, one.finish_reason) for one in answers[:2]] == [
        ("b", "", "stop"),
        ("a", "First.\nSecond line.", "stop"),
    ]
    assert (answers[2].finish_reason, answers[2].text) == ("error", "no answer is recorded for this row")
    assert {(one.prompt_tokens, one.cached_tokens, one.new_tokens, one.seconds) for one in answers} == {
        (0, 0, 0, 0.0)
    }
    assert llm.count_tokens(["a", "b c"]) == [0, 0]
    assert llm.answer([]) == []


def test_it_cannot_score_and_is_not_built_without_its_rows(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="cannot weigh choices"):
        RecordedLLM("m@r", {}).score([], [Question("q", "?", (" a",))])
    with pytest.raises(ConfigError, match="by row id"):
        build_llm(LLMSettings(backend="recorded", model="m@r"), tmp_path)
    assert not LLMSettings(backend="recorded").can_score
    assert LLMSettings(backend="recorded").cost(100, 10) == 0.0


def test_rows_of_equal_text_with_different_answers_have_keys_of_their_own_and_a_changed_answer_another() -> (
    None
):
    requests = pl.DataFrame({"content_key": ["k", "k", "k"], "row_id": ["1", "2", "3"]})
    first = keyed(requests, pl.DataFrame({"row_id": ["1", "2"], "answer": ["A.", "B."]}))
    again = keyed(requests, pl.DataFrame({"row_id": ["1", "2"], "answer": ["A.", "C."]}))
    assert first["content_key"].n_unique() == 3
    assert first["content_key"][2] == "k", "a row without a recorded answer keeps its key"
    assert first["content_key"][0] == again["content_key"][0]
    assert first["content_key"][1] != again["content_key"][1]


def test_a_free_sentence_longer_than_the_small_models_is_accepted_under_the_line_form_where_its_length_is_allowed() -> (
    None
):
    words = ["A", "long", "and", "winding", "tale"] + [f"of{n}" for n in range(60)]
    said, vocabulary = " ".join(words) + ".", load_vocabulary("movies", Path())
    with pytest.raises(RejectedAnswer, match="65 words, at most 40"):
        item_facts(FactsSettings(), vocabulary).parse(said, "stop")
    assert item_facts(FactsSettings(max_summary_words=80), vocabulary).parse(said, "stop").summary == said
