"""Prompt `user_preferences`: what a user wants and avoids, read from a few recent and representative items.

The model never sees the log: it sees titles with their strongest tags, the newest ones and the ones
closest to the middle of what the user liked. No user id, name or other user column is on the allow-list.
The answer is one line, `Wants ...; avoids ...`; the tags of the vocabulary found in its two halves become
`likes` and `dislikes`.
"""

import re
from collections.abc import Collection, Sequence

from nightshift.enrichments.user_preferences.histories import (
    USER_FIELDS,
    Preferences,
    history,
    worked_history,
    worked_users,
)
from nightshift.enrichments.user_preferences.settings import PreferencesSettings
from nightshift.models.llm.base import Decoding, FinishReason
from nightshift.models.llm.wrappings import bare, is_unfinished_thought
from nightshift.prompts.base import Prompt
from nightshift.prompts.parsing import accept, sentence
from nightshift.prompts.reask import before_the_label
from nightshift.prompts.vocabulary import Example, Vocabulary

VERSION = 1
OPENING = "Taste: Wants"
"""The prompt ends with it, so that even a small model speaks about the user and not about the films."""
LABELS = ("Taste:", "Wants", "The user wants", "This user wants", "User wants", "They want", "Want")
"""What a chat model says again of the line that the prompt has begun."""
STEM = 5
"""Letters by which a word and a tag are the same: `violence` and `violent`, `romance` and `romantic`."""


def preferences_line(settings: PreferencesSettings, vocabulary: Vocabulary) -> Prompt[Preferences]:
    """The completion form."""
    users = worked_users(vocabulary.examples)
    written = {_wants(liked, disliked) for liked, disliked in users}

    def parse(answer: str, finish: FinishReason) -> Preferences:
        wants, avoids = _clauses(answer, finish)
        line = sentence("; ".join(filter(None, (wants, avoids))), settings.max_summary_words, written)
        likes = mentioned(wants, vocabulary.tags)
        dislikes = [tag for tag in mentioned(avoids, vocabulary.tags) if tag not in likes]
        return Preferences(likes=likes, dislikes=dislikes, summary=f"Wants {line.rstrip('.')}.")

    return Prompt(
        name="user_preferences",
        version=VERSION,
        row_key="user_id",
        fields=USER_FIELDS,
        instructions="".join(_worked(*user) for user in users),
        build=lambda row: f"{history(row['liked'], row['disliked'])}\n{OPENING}",
        parse=parse,
        schema=Preferences,
        decoding=Decoding(
            max_new_tokens=settings.max_new_tokens,
            repetition_penalty=settings.repetition_penalty,
            stop=("\n", "."),
        ),
        again=before_the_label,
    )


def _clauses(answer: str, finish: FinishReason) -> tuple[str, str]:
    """The first two clauses of the line. A third is the model talking on: when it was cut there, nothing
    is lost."""
    if finish == "refusal" or is_unfinished_thought(answer):
        accept(answer, finish)
    clauses = [clause.strip() for clause in bare(answer, LABELS).split(";")]
    wants, avoids = [*clauses, ""][:2]
    wants = accept(wants, "stop" if finish == "length" and len(clauses) > 2 else finish, LABELS)
    return wants, avoids if avoids.startswith("avoid") else ""


def mentioned(text: str, tags: Collection[str]) -> list[str]:
    """The tags a text speaks of, in the vocabulary's order: equal words, or long words with the same first
    letters.

    A tag of several words (`science fiction`, `sci-fi`) must be there as it is spelled.
    """
    words = re.findall(r"\w+", text.lower())
    stems = {word[:STEM] for word in words if len(word) > STEM}
    spoken = f" {' '.join(words)} "

    def named(tag: str) -> bool:
        parts = re.findall(r"\w+", tag.lower())
        alike = len(parts) == 1 and len(parts[0]) > STEM and parts[0][:STEM] in stems
        return alike or (bool(parts) and f" {' '.join(parts)} " in spoken)

    return [tag for tag in tags if named(tag)]


def _worked(liked: Sequence[Example], disliked: Sequence[Example]) -> str:
    return f"{worked_history(liked, disliked)}\n{OPENING} {_wants(liked, disliked)}.\n\n"


def _wants(liked: Sequence[Example], disliked: Sequence[Example]) -> str:
    return f"{_taste(liked)}; avoids {_taste(disliked)}"


def _taste(examples: Sequence[Example]) -> str:
    firsts = dict.fromkeys(next(iter(e.tags.values())) for e in examples)
    seconds = dict.fromkeys(tag for e in examples for tag in list(e.tags.values())[1:2])
    return (
        f"{' and '.join(firsts)} stories about {' or '.join(seconds)}"
        if seconds
        else f"{' and '.join(firsts)} ones"
    )
