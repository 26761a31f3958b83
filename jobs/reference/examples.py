"""Example configurations for each kind of feedback. A test loads every one."""

from nightshift.sources.settings import Feedback

_NIGHTS = """
nights:
  first: 2026-11-01
"""

_ITEMS_MINIMAL = """
sources:
  items:
    path: catalogue/*.parquet
    item_id: asin
    title: name
"""

_ITEMS_COMPLETE = """
sources:
  items:
    path: catalogue/*.jsonl.gz
    item_id: asin
    title: name
    text: [description, bullet_points]
    attributes: categories
    attributes_separator: " > "
    created_at: listed_at
    created_at_unit: s # for numbers only
    max_text_chars: 2000
    max_title_chars: 300
    duplicate_item: keep_first
    max_rejected_share: 0.05
"""

_EVENTS_MINIMAL = """
  interactions:
    path: events/*.parquet
    user_id: uid
    item_id: asin
    timestamp: at
"""

_EVENTS_COMPLETE = """
  interactions:
    path: events/*.csv.gz
    user_id: uid
    item_id: asin
    timestamp: at
    timestamp_unit: ms # for numbers only
    group: request
    kind: action
    unknown_item: drop
    max_rejected_share: 0.05
"""

_RATINGS = "    feedback: explicit\n    label: stars\n    positive_from: 4"
_CLICKS = "    feedback: impressions\n    label: clicked"
_GROUP = "\n    group: request"


def _file(items: str, events: str, feedback: str) -> str:
    return f"{items.strip()}\n{events.strip(chr(10))}\n{feedback}\n{_NIGHTS}"


MINIMAL: dict[Feedback, str] = {
    "implicit": _file(_ITEMS_MINIMAL, _EVENTS_MINIMAL, "    feedback: implicit"),
    "explicit": _file(_ITEMS_MINIMAL, _EVENTS_MINIMAL, _RATINGS),
    "impressions": _file(_ITEMS_MINIMAL, _EVENTS_MINIMAL, _CLICKS + _GROUP),
}
"""The least that runs, by feedback."""

COMPLETE: dict[Feedback, str] = {
    "implicit": _file(
        _ITEMS_COMPLETE, _EVENTS_COMPLETE, "    feedback: implicit\n    positive_kinds: [cart, purchase]"
    ),
    "explicit": _file(_ITEMS_COMPLETE, _EVENTS_COMPLETE, _RATINGS),
    "impressions": _file(_ITEMS_COMPLETE, _EVENTS_COMPLETE, _CLICKS),
}
"""Every key of the mapping that this feedback can use."""
