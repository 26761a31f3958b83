"""Content keys: what an answer is an answer to.

A key is the first 32 hexadecimal digits (128 bits) of a SHA-256 over length-prefixed UTF-8 parts, so that
no two lists of parts can collide by moving a character from one part to the next.
"""

import hashlib
import json
from typing import Any

from pydantic import BaseModel

KEY_LENGTH = 32
"""Hexadecimal digits of a key: 128 bits make an accidental collision among 10^12 answers less likely than
10^-14."""


def content_key(*parts: str) -> str:
    """Hash of the parts, in order. Equal keys mean equal parts."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.hexdigest()[:KEY_LENGTH]


def canonical(value: BaseModel | dict[str, Any] | list[Any] | tuple[Any, ...]) -> str:
    """One JSON text for equal values: sorted keys, no spaces, no float reformatting between runs.

    A field that is None is left out, so that a new optional field moves no key.
    """
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", exclude_none=True)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
