"""Questions that a row brings itself: which ones a row is asked, how they are kept in a table, and what
they count.

Candidates differ from user to user, so the choices do. They travel with the row's text as one JSON text,
which is part of the row's content key, and are counted stem by stem and choice by choice.
"""

import json
from collections.abc import Callable, Sequence

from nightshift.models.llm.base import Question, Request
from nightshift.storage.content_key import canonical

CountTokens = Callable[[Sequence[str]], list[int]]


def asked(request: Request, shared: Sequence[Question]) -> tuple[Question, ...]:
    """The questions of one row: its own, else the shared ones. Raises ValueError when there is nothing to
    weigh."""
    questions = request.questions or tuple(shared)
    check(f"row {request.key!r}", questions)
    return questions


def check(row: str, questions: Sequence[Question]) -> None:
    """Raise ValueError for a row without questions, a question without choices, or an empty choice."""
    if not questions:
        raise ValueError(
            f"{row} has nothing to weigh; score needs at least one question, shared or the row's own"
        )
    for question in questions:
        if not question.choices or "" in question.choices:
            what = "an empty choice" if question.choices else "no choices"
            raise ValueError(
                f"{row}: question {question.name!r} has {what}; it needs at least one, none of them empty"
            )


def packed(questions: Sequence[Question]) -> str:
    """The questions as one text, equal for equal questions.

    >>> packed([Question("next", "\\nNext:", (" Alien", " Heat"))])
    '[["next","\\\\nNext:",[" Alien"," Heat"]]]'
    """
    return canonical([(question.name, question.stem, list(question.choices)) for question in questions])


def unpacked(text: str | None) -> tuple[Question, ...]:
    """The questions of such a text; none of None."""
    return tuple(Question(name, stem, tuple(choices)) for name, stem, choices in json.loads(text or "[]"))


def branches(questions: Sequence[Question]) -> list[str]:
    """Stems and choices, each once, as they are counted."""
    return [text for question in questions for text in (question.stem, *question.choices)]


def named(questions: Sequence[Question]) -> list[str]:
    """Names of the choices, in the order of the scores.

    >>> named([Question("next", "\\nNext:", (" Alien", " Heat"))])
    ['next:Alien', 'next:Heat']
    """
    return [f"{question.name}:{choice.strip()}" for question in questions for choice in question.choices]


def count_branches(rows: Sequence[Sequence[Question]], count_tokens: CountTokens) -> list[int]:
    """Tokens of each row's own stems and choices, each counted as a text of its own: what they share is
    counted again."""
    flat = list(dict.fromkeys(text for questions in rows for text in branches(questions)))
    tokens = dict(zip(flat, count_tokens(flat), strict=True)) if flat else {}
    return [sum(tokens[text] for text in branches(questions)) for questions in rows]
