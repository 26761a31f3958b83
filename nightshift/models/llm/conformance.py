"""What every language model backend must hold: inherit the suite in a test, give it the model."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from nightshift.errors import ModelUnavailable
from nightshift.models.conformance import AWKWARD_TEXTS, refusal
from nightshift.models.llm.base import LLM, Answer, Decoding, Question, Request, Scored
from nightshift.models.llm.choices import count_branches
from nightshift.models.llm.schema import json_schema, token_limit


def _requests(texts: list[str], decoding: Decoding) -> list[Request]:
    instructions = "Write the mood of each film.\n\n"
    return [Request(f"key-{place}", instructions, text, decoding) for place, text in enumerate(texts)]


class Told(BaseModel, extra="forbid"):
    """A bounded answer: free text, a closed choice, a list of choices, a number and a flag."""

    summary: str = Field(min_length=1, max_length=60)
    mood: Literal["dark", "funny", "bitter and cold"]
    tags: list[Literal["war", "love", "space"]] = Field(min_length=1, max_length=2)
    stars: int = Field(ge=0, le=5)
    series: bool


class LLMConformance:
    """What every `LLM` promises. Override `make_llm`.

    Set `scores = False` for a backend that cannot score, `keeps_schemas = True` for one that holds answers
    to a JSON schema.
    """

    scores: ClassVar[bool] = True
    keeps_schemas: ClassVar[bool] = False
    long_text: ClassVar[int] = 1_000_000
    """Characters of the over-long text."""
    decoding: ClassVar[Decoding] = Decoding(max_new_tokens=8)
    texts: ClassVar[list[str]] = [
        "Title: Fargo (1996)\nGenres: Crime, Drama\nMood:",
        "Title: Toy Story (1995)\nMood:",
        "Title: A much longer title than the others have, for the sake of padding (1999)\nMood:",
    ]
    questions: ClassVar[list[Question]] = [
        Question("mood", "\nMood:", (" dark", " funny", " heartwarming", " bittersweet")),
        Question("audience", "\nAudience:", (" children", " adults")),
    ]
    own_questions: ClassVar[list[tuple[Question, ...]]] = [
        (
            Question(
                "next",
                "\nNext:",
                (" Alien", " Heat and dust", " A much longer title than the others have (1999)"),
            ),
        ),
        (Question("next", "\nNext:", (" Alien",)), Question("mood", "\nMood:", (" dark", " funny"))),
        (Question("next", "\nNext:", tuple(f" Film number {place}" for place in range(12))),),
    ]
    """Questions of each text's own: one or several, of few and of many choices."""

    def make_llm(self) -> LLM:
        """The model under test."""
        raise NotImplementedError

    def _llm(self) -> LLM:
        made = type(self).__dict__.get("_made")
        if made is None:
            made = self.make_llm()
            type(self)._made = made  # type: ignore[attr-defined]
        return made

    def _ask(self, texts: list[str]) -> list[Answer]:
        return self._llm().answer(_requests(texts, self.decoding))

    def _weigh(self, texts: list[str]) -> list[Scored]:
        return self._llm().score(_requests(texts, self.decoding), self.questions)

    def test_one_answer_a_request_in_order(self) -> None:
        """Keys come back as they went in, whatever order the model worked in."""
        assert [answer.key for answer in self._ask(self.texts)] == ["key-0", "key-1", "key-2"]

    def test_no_requests_no_answers(self) -> None:
        """An empty batch is not an error."""
        assert self._llm().answer([]) == []

    def test_the_same_requests_get_the_same_answers(self) -> None:
        """Greedy decoding of one batch is repeatable."""
        assert [answer.text for answer in self._ask(self.texts)] == [
            answer.text for answer in self._ask(self.texts)
        ]

    def test_counts_are_honest(self) -> None:
        """Tokens are positive, cached ones are part of the prompt, answers respect their limit."""
        for answer in self._ask(self.texts):
            assert answer.prompt_tokens > 0
            assert 0 <= answer.cached_tokens <= answer.prompt_tokens
            assert 0 < answer.new_tokens <= self.decoding.max_new_tokens
            assert answer.finish_reason in ("stop", "length", "refusal")
            assert answer.seconds >= 0

    def test_token_counts_grow_with_text(self) -> None:
        """Counts are per text, never negative, and larger for more text."""
        counts = self._llm().count_tokens(["", "dark", "dark and stormy night"])
        assert 0 <= counts[0] < counts[1] < counts[2]

    def test_identity_is_stable_and_carries_a_revision(self) -> None:
        """Equal for two instances and after work, with `@revision`."""
        before = self.make_llm().identity
        self._ask(self.texts[:1])
        assert before == self._llm().identity
        assert "@" in before.model_id

    def test_the_context_is_stated(self) -> None:
        """A positive number of tokens."""
        assert self._llm().context_tokens > 0

    def test_awkward_texts_are_answered(self) -> None:
        """Empty, emoji, right-to-left, control characters, half a surrogate pair: an answer each."""
        assert len(self._ask(list(AWKWARD_TEXTS.values()))) == len(AWKWARD_TEXTS)

    def test_an_overlong_text_is_answered_within_the_context(self) -> None:
        """A megabyte of text is cut, not fatal, and its neighbours are answered too."""
        answers = self._ask(["word " * (self.long_text // 5) + "\nMood:", self.texts[0]])
        assert [answer.key for answer in answers] == ["key-0", "key-1"]

    def test_stop_texts_end_an_answer(self) -> None:
        """The stop text is not part of the answer."""
        decoding = self.decoding.model_copy(update={"stop": ("a", "e", "\n")})
        for answer in self._llm().answer(_requests(self.texts, decoding)):
            assert not set("ae\n") & set(answer.text)

    def test_a_schema_is_kept(self) -> None:
        """Every answer is one JSON object of the schema, within the token limit that follows from it,
        awkward texts included."""
        if not self.keeps_schemas:
            return
        schema = json_schema(Told)
        decoding = Decoding(max_new_tokens=token_limit(schema), json_schema=schema)
        for answer in self._llm().answer(_requests([*self.texts, *AWKWARD_TEXTS.values()], decoding)):
            assert answer.finish_reason == "stop"
            assert Told.model_validate_json(answer.text, strict=True)

    def test_choices_are_weighed_as_probabilities(self) -> None:
        """Log-probabilities are at most zero, and distinct choices share at most one."""
        if not self.scores:
            return
        for scored in self._weigh(self.texts):
            assert scored.log_probabilities.shape == (
                sum(len(question.choices) for question in self.questions),
            )
            assert scored.log_probabilities.dtype == np.float32
            assert (scored.log_probabilities <= 1e-5).all()
            first = len(self.questions[0].choices)
            assert np.exp(scored.log_probabilities[:first]).sum() <= 1.02
            assert np.exp(scored.log_probabilities[first:]).sum() <= 1.02

    def test_scores_keep_order_and_repeat(self) -> None:
        """One `Scored` a request, equal twice."""
        if not self.scores:
            return
        once, twice = self._weigh(self.texts), self._weigh(self.texts)
        assert [scored.key for scored in once] == ["key-0", "key-1", "key-2"]
        for one, other in zip(once, twice, strict=True):
            np.testing.assert_array_equal(one.log_probabilities, other.log_probabilities)

    def test_scores_do_not_depend_on_the_neighbours(self) -> None:
        """Alone or in a batch, a row scores the same up to rounding (0.25 covers bfloat16)."""
        if not self.scores:
            return
        alone, together = self._weigh(self.texts[:1])[0], self._weigh(self.texts)[0]
        np.testing.assert_allclose(alone.log_probabilities, together.log_probabilities, atol=0.25)

    def test_awkward_texts_are_weighed(self) -> None:
        """Finite numbers for every text."""
        if not self.scores:
            return
        for scored in self._weigh(list(AWKWARD_TEXTS.values())):
            assert np.isfinite(scored.log_probabilities).all()
            assert scored.hidden is None or (
                scored.hidden.shape[0] == len(self.questions) and np.isfinite(scored.hidden).all()
            )

    def _own(self) -> list[Request]:
        rows = zip(_requests(self.texts, self.decoding), self.own_questions, strict=True)
        return [replace(request, questions=own) for request, own in rows]

    def test_a_rows_own_questions_are_weighed_as_if_it_were_alone(self) -> None:
        """In one call with rows of other questions, each row's numbers are those of the shared questions
        asked of it alone."""
        if not self.scores:
            return
        plain = _requests(self.texts, self.decoding)
        alone = [self._llm().score([row], own)[0] for row, own in zip(plain, self.own_questions, strict=True)]
        _same(self._llm().score(self._own(), ()), alone)

    def test_own_questions_do_not_depend_on_order_and_neighbours(self) -> None:
        """Reversed, repeated, and between rows with the shared questions, a row scores the same up to
        rounding."""
        if not self.scores:
            return
        own, shared = self._own(), _requests(self.texts, self.decoding)
        expected = self._llm().score(own, self.questions)
        _same(self._llm().score(own[::-1], self.questions)[::-1], expected)
        _same(self._llm().score([shared[0], *own, *own[:1], shared[2]], self.questions)[1:4], expected)
        _same(
            self._llm().score([*own, *shared], self.questions)[3:], self._llm().score(shared, self.questions)
        )

    def test_own_questions_reuse_what_shared_ones_do(self) -> None:
        """A later call takes as many tokens of the prompt from the cache, and counts its own stems and
        choices on top."""
        if not self.scores:
            return
        shared, own = (
            self._llm().score(_requests(self.texts, self.decoding), self.questions),
            self._llm().score(self._own(), ()),
        )
        again = self._llm().score(_requests(self.texts, self.decoding), self.questions)
        assert [scored.cached_tokens for scored in own] == [scored.cached_tokens for scored in again]
        branches = count_branches(self.own_questions, self._llm().count_tokens)
        assert [scored.prompt_tokens for scored in own] == [
            s.prompt_tokens + n for s, n in zip(shared, branches, strict=True)
        ]

    def test_a_row_with_nothing_to_weigh_is_refused(self) -> None:
        """No question, a question without choices, or an empty choice: the message names the row."""
        if not self.scores:
            return
        row = _requests(self.texts[:1], self.decoding)[0]
        wrong: list[tuple[Question, ...]] = [
            (),
            (Question("next", "\nNext:", ()),),
            (Question("next", "\nNext:", (" Alien", "")),),
        ]
        for own in wrong:
            said = refusal(ValueError, partial(self._llm().score, [replace(row, questions=own)], ()))
            assert row.key in said

    def test_a_backend_that_cannot_score_says_so(self) -> None:
        """Whoever's the questions are, shared ones or a row's own."""
        if self.scores:
            return
        for rows, shared in ((_requests(self.texts, self.decoding), self.questions), (self._own(), [])):
            said = refusal(ModelUnavailable, partial(self._llm().score, rows, shared))
            assert "cannot weigh choices" in said


def _same(found: Sequence[Scored], expected: Sequence[Scored]) -> None:
    """Equal keys and shapes, and equal scores up to rounding (0.25 covers bfloat16)."""
    assert [scored.key for scored in found] == [scored.key for scored in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.log_probabilities.dtype == np.float32
        np.testing.assert_allclose(one.log_probabilities, other.log_probabilities, atol=0.25)
        assert (one.hidden is None) == (other.hidden is None)
        if one.hidden is not None and other.hidden is not None:
            assert one.hidden.shape == other.hidden.shape
            assert _cosines(one.hidden, other.hidden).min() > 0.99


def _cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray((one * other).sum(axis=1) / lengths, dtype=np.float32)
