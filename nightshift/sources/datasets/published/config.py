"""The commented nightshift.yaml that goes with a converted data set."""

from datetime import date

import yaml

from nightshift.sources.datasets.published.base import Format
from nightshift.sources.settings import SourcesSettings

REST = """
# Which nights there are. A night knows the events strictly before it, so the last one knows them all. Try the first:
#   nightshift check, then nightshift plan --as-of {first}, then nightshift run --as-of {first}
nights:
  first: {first}
  last: {last} # the data ends; leave this out for data that goes on

# The words that a model chooses from. `nightshift vocabulary --noun Book > words.yaml` proposes some from this catalogue:
# read and edit them before they are used. The words that are shipped are for movies.
# tags:
#   vocabulary: words.yaml

# What a night may spend at most; what it does not afford is deferred and carries a fallback.
# budget:
#   minutes: 60
"""

ORDERED = """
# There are no times: each user's last event is laid on 2000-12-31, and judgement is of each user's last event.
examples:
  split: last
"""


def config_text(format: Format, mapping: SourcesSettings, first: date, last: date) -> str:
    """The configuration as text: sources mapped, nights proposed, the rest explained."""
    head = [f"{format.title}, from {format.home}", f"Licence: {format.licence}.", *format.notes]
    sources = yaml.safe_dump(
        {"sources": mapping.model_dump(mode="json", exclude_defaults=True)},
        sort_keys=False,
        allow_unicode=True,
    )
    ordered = ORDERED if mapping.interactions.timestamp_unit == "order" else ""
    return "".join(f"# {line}\n" for line in head) + sources + REST.format(first=first, last=last) + ordered
