"""What a server's no means: about one row, about this moment, or about us, so that every further row would
hear it too."""

import json
import re
from dataclasses import dataclass
from typing import Any

from nightshift.models.llm.server import ServerSettings

NO_MONEY_CODES = frozenset(
    {
        "insufficient_quota",
        "insufficient_balance",
        "insufficient_credits",
        "insufficient_funds",
        "insufficient_user_quota",
        "exceeded_current_quota_error",
        "billing_hard_limit_reached",
        "billing_not_active",
        "arrearage",
        "accountoverdueerror",
        "payment_required",
    }
)
"""Codes and types under which providers say that the account is empty, whatever the status: OpenAI,
DeepSeek, Moonshot, DashScope, Ark."""
NO_MONEY = re.compile(
    r"insufficient[ _](account[ _])?(balance|credit|fund|quota)|credit balance is too low|payment "
    r"required|arrear",
    re.IGNORECASE,
)
"""The same in words, for providers that give no code (Anthropic says it with a 400)."""
STATUS = re.compile(r"status (\d{3}): (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no, however it was sent."""

    status: int
    code: str
    """Code and type that the server gave, in small letters, a blank between them."""
    said: str


def refusal(status: int, body: Any, said: str = "") -> Refusal:
    """The no in a body of any form."""
    inner = body.get("error", body) if isinstance(body, dict) else body
    block: dict[str, Any] = inner if isinstance(inner, dict) else {}
    words = said or str(block.get("message") or block.get("code") or inner)
    return Refusal(status, f"{block.get('code')} {block.get('type')}".lower(), words)


def hidden_refusal(body: str) -> Refusal | None:
    """The no that came as a 200: an error and no choices. Its code, where that is a status, says which;
    else it is a 500."""
    try:
        told = json.loads(body)
    except ValueError:
        return None
    if not isinstance(told, dict) or not told.get("error") or told.get("choices"):
        return None
    found = refusal(500, told)
    code = found.code.partition(" ")[0]
    return Refusal(int(code) if re.fullmatch(r"[45]\d\d", code) else 500, found.code, found.said)


def about_us(no: Refusal, server: ServerSettings) -> str | None:
    """What is wrong for every row, with the way out; None where it is about this row or this moment."""
    if (
        no.status == 402
        or NO_MONEY_CODES & set(no.code.split())
        or (no.status < 500 and NO_MONEY.search(no.said))
    ):
        return (
            "has no quota, balance or credit left for us; top up or raise the limit there, lower the "
            "budget, or ask another "
            "server (llm.server.base_url), then run again: what was answered is kept"
        )
    if no.status in (401, 403):
        return f"refuses us; is the key in ${server.api_key_env or '(llm.server.api_key_env is null)'} right?"
    if no.status == 404:
        return f"does not know llm.model, or has no endpoint {server.endpoint} there"
    if {"unsupported_parameter", "unsupported_value"} & set(no.code.split()):
        return (
            "refuses a field; for a model that reasons, set llm.server.reasoning_effort to minimal, or to "
            "none from gpt-5.1 on"
        )
    return None


def told_about_us(text: str, server: ServerSettings) -> str | None:
    """The same of a failed row's own text, as batch files leave it."""
    found = STATUS.match(text)
    return about_us(Refusal(int(found[1]), "", found[2]), server) if found else None
