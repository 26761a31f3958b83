"""How an item is put into a prompt. Item text is untrusted: one line a field, capped, so that it cannot pose as another item."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

ITEM_FIELDS = ("title", "text", "attributes")
"""What a prompt about an item may read; no price, no seller, no id."""
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_INVISIBLE = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]")
"""What a person cannot see and a model reads: as in `nightshift.sources.cleaning`, for text that took another way."""


def one_line(value: str, max_chars: int) -> str:
    """The value without line breaks, control or invisible characters; the first `max_chars`, cut at a word, and " ..."."""
    flat = " ".join(_INVISIBLE.sub("", _BREAKS.sub(" ", value)).split())
    if len(flat) <= max_chars:
        return flat
    return flat[:max_chars].rsplit(" ", 1)[0] + " ..."


def item_lines(noun: str, title: str, attributes: Sequence[str], text: str | None, max_chars: int) -> str:
    """`Movie: title`, and where there is more, `About: attributes. text` on a second line."""
    about = ". ".join(part for part in (", ".join(attributes), text or "") if part)
    lines = [f"{noun}: {one_line(title, max_chars)}"]
    return "\n".join([*lines, f"About: {one_line(about, max_chars)}"] if about else lines)


def item_row(noun: str, row: Mapping[str, Any], max_chars: int) -> str:
    """`item_lines` of a row with the item fields."""
    return item_lines(noun, row["title"], row["attributes"] or (), row["text"], max_chars)
