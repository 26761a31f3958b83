"""A first nightshift.yaml for files nobody has described: columns are measured, meanings guessed, every guess with its reason.

found = Samples.of("items.parquet", "events.parquet", root)
draft = draft_of(found, {})                       # answers by setting win over guesses: {"items.title": "name"}
print(*(f"{g.setting}: {g.value} ({g.why})" for g in draft.guesses), sep="\\n")
"""

from nightshift.onboarding.draft import Draft, draft_of
from nightshift.onboarding.guess import FLAGS, Answers, Guess, in_flags
from nightshift.onboarding.nights import Nights, choose_nights
from nightshift.onboarding.samples import Samples
from nightshift.onboarding.written import as_yaml

__all__ = ["FLAGS", "Answers", "Draft", "Guess", "Nights", "Samples", "as_yaml", "choose_nights", "draft_of", "in_flags"]
