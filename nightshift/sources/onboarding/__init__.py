"""A first nightshift.yaml for files nobody has described: columns are measured, meanings guessed, every
guess with its reason.

found = Samples.of("items.parquet", "events.parquet", root)
draft = draft_of(found, {})                       # answers by setting win over guesses: {"items.title":
"name"} print(*(f"{g.setting}: {g.value} ({g.why})" for g in draft.guesses), sep="\\n")
"""

from nightshift.sources.onboarding.draft import Draft, draft_of
from nightshift.sources.onboarding.first_nights import Nights, choose_nights
from nightshift.sources.onboarding.guess import FLAGS, Answers, Guess, in_flags
from nightshift.sources.onboarding.samples import Samples
from nightshift.sources.onboarding.yaml_draft import as_yaml

__all__ = [
    "FLAGS",
    "Answers",
    "Draft",
    "Guess",
    "Nights",
    "Samples",
    "as_yaml",
    "choose_nights",
    "draft_of",
    "in_flags",
]
