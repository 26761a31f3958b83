"""Lines of a provider's batch files: requests going out, answers coming back. Nothing that comes back is
trusted."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nightshift.models.llm.base import Answer, Request
from nightshift.models.llm.limits import Failed
from nightshift.models.llm.refusals import hidden_refusal
from nightshift.models.llm.repeats import REPEATS
from nightshift.models.llm.replies import read_reply
from nightshift.models.llm.usage import Tokens, billed
from nightshift.storage.content_key import canonical, content_key

log = logging.getLogger(__name__)
log.addFilter(REPEATS)
URLS = {"chat": "/v1/chat/completions", "completions": "/v1/completions"}


def custom_id(request: Request) -> str:
    """Names a row's attempt: its content key, and a digest of the text and decoding that another attempt
    changes."""
    return f"{request.key}-{content_key(request.text, canonical(request.decoding))[:8]}"


def line(request: Request, endpoint: str, payload: Mapping[str, Any]) -> str:
    """One request, as a line without its end."""
    body = {name: value for name, value in payload.items() if name != "extra_body"} | payload.get(
        "extra_body", {}
    )
    return json.dumps(
        {"custom_id": custom_id(request), "method": "POST", "url": URLS[endpoint], "body": body},
        ensure_ascii=False,
    )


def split(lines: Sequence[str], max_requests: int, max_bytes: int) -> Iterator[list[int]]:
    """Places of the lines of each file, within the provider's limits. A line longer than a whole file is
    in none.

    >>> list(split(["aa", "bb", "cccccc", "d"], max_requests=2, max_bytes=6))
    [[0, 1], [3]]
    """
    places: list[int] = []
    size = 0
    for place, text in enumerate(lines):
        own = len(text.encode()) + 1
        if own > max_bytes:
            continue
        if places and (len(places) == max_requests or size + own > max_bytes):
            yield places
            places, size = [], 0
        places.append(place)
        size += own
    if places:
        yield places


def read_lines(lines: str, requests: Mapping[str, Request]) -> dict[str, Answer]:
    """Answers by custom id: those of the requests that any line answers, and a failure where lines tell of
    nothing else.

    A line that cannot be read is skipped with a warning, and so is one that nobody asked for. Of several
    lines for one request the first usable one counts.
    """
    found: dict[str, Answer] = {}
    unread = 0
    for text in filter(str.strip, lines.split("\n")):
        try:
            said = json.loads(text)
            request = requests.get(said["custom_id"])
        except (ValueError, KeyError, TypeError, AttributeError):
            unread += 1
            continue
        if request is not None and _lacks(found.get(said["custom_id"])):
            found[said["custom_id"]] = _answer(said, request)
    if unread:
        log.warning("%d lines of a batch's files cannot be read; their rows are asked again", unread)
    return found


def _lacks(answer: Answer | None) -> bool:
    return answer is None or answer.finish_reason == "error"


def _answer(said: dict[str, Any], request: Request) -> Answer:
    given = said.get("response")
    response: dict[str, Any] = given if isinstance(given, dict) else {}
    body = response.get("body")
    no = hidden_refusal(json.dumps(body)) if response.get("status_code") == 200 else None
    if no is not None:
        return lost(request, f"status {no.status}: {no.said[:200]}", billed(json.dumps(body), request.prompt))
    if said.get("error") or response.get("status_code") != 200:
        return lost(request, f"status {response.get('status_code')}: {_told(said.get('error') or body)}")
    try:
        return read_reply(json.dumps(body), request, request.prompt)
    except Failed as failed:
        return lost(request, str(failed), failed.used)


def _told(error: Any) -> str:
    inner = error.get("error", error) if isinstance(error, dict) else error
    return str(inner.get("message") or inner.get("code") or inner if isinstance(inner, dict) else inner)[:200]


def lost(request: Request, why: str, used: Tokens = Tokens()) -> Answer:
    """What a row gets for which nothing usable came back, and what that cost: it is asked again by the
    next run."""
    return Answer(request.key, why, "error", used.prompt, used.cached, used.new, 0.0, used.estimated)
