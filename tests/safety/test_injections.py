"""Hostile item text changes nothing but its own row, and that row only within its form."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from nightshift.enrichments.answers import parse
from nightshift.enrichments.group_facts.prompt import group_facts
from nightshift.enrichments.item_facts.enrichment import item_facts
from nightshift.enrichments.item_facts.settings import FactsSettings
from nightshift.enrichments.item_tag_scores.prompt import item_tag_scores
from nightshift.enrichments.item_tag_scores.settings import TagSettings
from nightshift.enrichments.user_preferences.enrichment import user_preferences
from nightshift.enrichments.user_preferences.settings import PreferencesSettings
from nightshift.errors import RejectedAnswer
from nightshift.models.llm.base import LLM, Answer, Request
from nightshift.models.llm.echo import EchoLLM
from nightshift.prompts.reask import HINTS
from nightshift.prompts.vocabulary import load_vocabulary
from nightshift.sources.datasets.synthetic import SyntheticSettings, make_world
from nightshift.tables import ITEM_FACTS
from tests.faults import nights
from tests.safety.injections import ALL, DELIMITERS, ORDERS, OUR_FORMS
from tests.shop import Shop, open_shop

MOVIES = load_vocabulary("movies", Path())
FORMS = ("line", "json")
FACTS = {form: item_facts(FactsSettings(form=form), MOVIES) for form in FORMS}  # type: ignore[arg-type]
USERS = {form: user_preferences(PreferencesSettings(form=form), MOVIES) for form in FORMS}  # type: ignore[arg-type]
GROUPS = group_facts(FactsSettings(), MOVIES)
TAGS = item_tag_scores(TagSettings(), MOVIES)
CAP = FactsSettings().max_input_chars + len(" ...")
MARKS = re.compile(
    r"<\|[^<>|]*\|>|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|</?think>", re.IGNORECASE
)


def item(text: str) -> dict[str, Any]:
    return {"title": text, "text": text, "attributes": [text, "Drama"]}


def history(text: str) -> dict[str, Any]:
    return {"liked": [f"{text} [dark]", "Fargo [crime]"], "disliked": [text]}


def built(text: str) -> dict[str, str]:
    """What each prompt makes of a row with this text in every field."""
    asked = {f"facts {form}": prompt.build(item(text)) for form, prompt in FACTS.items()}
    asked |= {f"users {form}": prompt.build(history(text)) for form, prompt in USERS.items()}
    return asked | {
        "tags": TAGS.build(item(text)),
        "groups": GROUPS.build({"group": text, "titles": [text, "Fargo"]}),
    }


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_a_prompt_keeps_its_lines_its_marks_and_its_caps(text: str) -> None:
    plain = built("Fargo")
    for name, prompt in built(text).items():
        lines, expected = prompt.splitlines(), plain[name].splitlines()
        assert [line.split(":")[0] for line in lines] == [line.split(":")[0] for line in expected], name
        assert max(len(line) for line in lines) <= max(CAP + len("About: "), 6 * (120 + len(" ...; ")))
        assert not MARKS.search(prompt)
        assert len(re.findall(r"</?\s*(?:item|history)\s*>", prompt, re.IGNORECASE)) == (
            2 if "json" in name else 0
        )


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_a_re_ask_of_a_hostile_row_adds_our_line_and_no_other(text: str) -> None:
    for prompt in FACTS.values():
        own = prompt.build(item(text))
        assert len(prompt.again(own, "schema").splitlines()) == len(own.splitlines()) + 1
        assert (
            HINTS["schema"] in prompt.again(own, "schema").splitlines()[-2 if prompt is FACTS["line"] else -1]
        )


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_an_answer_that_is_an_injection_is_read_within_its_form_or_rejected(text: str) -> None:
    for prompt in (*FACTS.values(), *USERS.values()):
        for finish in ("stop", "length"):
            said = parse(prompt, text, finish)  # type: ignore[arg-type]
            assert isinstance(said, RejectedAnswer | prompt.schema)
            values = {} if isinstance(said, RejectedAnswer) else said.model_dump()
            tags = [tag for name in ("tags", "likes", "dislikes") for tag in values.get(name, [])]
            assert set(tags) <= set(MOVIES.tags)
            assert len(values.get("summary", "").split()) <= FactsSettings().max_summary_words + 1
            assert len(str(said)) < 2_000


def others_are_untouched(llm: LLM, prompt: Any, hostile: Sequence[str]) -> list[Answer]:
    """Ask about calm items alone and among hostile ones; the hostile ones' answers."""
    calm = [
        prompt.build({"title": title, "text": None, "attributes": ["Drama"]})
        for title in ("Fargo", "Heat", "Alien", "Big", "Toy Story")
    ]
    evil = [prompt.build(item(text)) for text in hostile]

    def asked(texts: Sequence[str], sort: str) -> list[Request]:
        return [
            Request(f"{sort}{place}", prompt.instructions, text, prompt.decoding)
            for place, text in enumerate(texts)
        ]

    alone = llm.answer(asked(calm, "calm"))
    mixed = llm.answer([*asked(evil[::2], "evil"), *asked(calm, "calm"), *asked(evil[1::2], "odd")])
    kept = {answer.key: (answer.text, answer.finish_reason) for answer in mixed}
    assert {answer.key: (answer.text, answer.finish_reason) for answer in alone}.items() <= kept.items()
    return [answer for answer in mixed if not answer.key.startswith("calm")]


@pytest.mark.parametrize("form", FORMS)
def test_hostile_rows_in_a_batch_change_no_other_answer_of_the_echo(form: str) -> None:
    others_are_untouched(EchoLLM(), FACTS[form], list(ALL.values()))


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.xdist_group("model")
@pytest.mark.parametrize(
    ("form", "hostile"),
    [("line", [*ALL.values()][::7]), ("json", [*(ORDERS | DELIMITERS | OUR_FORMS).values()][::8])],
)
def test_hostile_rows_in_a_batch_change_no_other_answer_of_a_real_model(
    form: str, hostile: list[str], model_cache: Path
) -> None:
    from nightshift.models.llm.transformers import TransformersLLM, TransformersSettings

    llm = TransformersLLM(TransformersSettings(dtype="float32", batch_size=128), model_cache)
    answers = others_are_untouched(llm, FACTS[form], hostile)
    said = [parse(FACTS[form], answer.text, answer.finish_reason) for answer in answers]
    assert len(said) == len(hostile)
    if form == "json":
        rejected = {value.reason for value in said if isinstance(value, RejectedAnswer)}
        assert rejected <= {"too_long", "repetition", "refusal", "empty", "ungrounded"}, (
            "every answer is of the schema"
        )


@pytest.mark.model
@pytest.mark.xdist_group("model")
def test_no_text_becomes_a_control_token(model_cache: Path) -> None:
    from tokenizers import Tokenizer

    from nightshift.models.weights.tokens import TextTokenizer
    from nightshift.models.weights.weights import prepare_llm

    folder = prepare_llm("smollm2-135m-instruct", model_cache)
    added = Tokenizer.from_file(str(folder / "tokenizer.json")).get_added_tokens_decoder()
    control = {number for number, token in added.items() if token.special}
    assert len(control) > 10
    marks = [token.content for token in added.values()]
    raw = [*ALL.values(), *marks, " ".join(marks)]
    for ids in TextTokenizer(folder).encode(
        [*raw, *(prompt for text in raw for prompt in built(text[:5_000]).values())]
    ):
        assert not control & set(ids)


def tables(shop: Shop, number: int) -> dict[str, pl.DataFrame]:
    return nights.tables(shop.folder / ".nightshift", shop.nights()[number])


WRITTEN = {
    "item_facts": "item_id",
    "item_tag_scores": "item_id",
    "item_embeddings": "item_id",
    "user_preferences": "user_id",
}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_night_with_hostile_items_writes_the_same_about_all_others(tmp_path: Path, form: str) -> None:
    world = make_world(SyntheticSettings(seed=7, n_users=12, n_items=24, days=30))
    calm = open_shop(tmp_path / "calm", world, facts={"form": form}, preferences={"form": form})
    assert nights.run_here(calm, calm.nights()[0]) == ""
    shutil.copytree(calm.folder, tmp_path / "hostile")
    hostile = Shop(tmp_path / "hostile", world)
    evil = [f"evil-{place}" for place in range(len(ALL))]
    texts = [text.encode("utf-8", "replace").decode() for text in ALL.values()]
    known = hostile.items()
    rows = pl.DataFrame({"item_id": evil, "title": [f"Evil {text}" for text in texts]})
    hostile.write_items(pl.concat([known, rows.with_columns(text=pl.Series(texts))], how="diagonal_relaxed"))
    for shop in (calm, hostile):
        assert nights.run_here(shop, shop.nights()[1]) == ""
    quiet, loud = tables(calm, 1), tables(hostile, 1)
    for name, key in WRITTEN.items():
        columns = [column for column in quiet[name].columns if column != "content_key"]
        assert_frame_equal(
            loud[name].filter(~pl.col(key).is_in(evil)).select(columns), quiet[name].select(columns)
        )
    facts = ITEM_FACTS.conform(loud["item_facts"]).filter(pl.col("item_id").is_in(evil))
    assert facts.height == len(ALL)
    assert set(facts["tags"].explode().drop_nulls()) <= set(hostile.night(1).vocabulary.tags)
    assert max(facts["summary"].str.len_chars()) < 2_000
