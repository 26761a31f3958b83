"""How an answer ended, in the words of every server: OpenAI's six, and those of the others behind the same
interface.

Each provider has names of its own (Anthropic, Gemini, Mistral, Cohere, Bedrock, watsonx, Zhipu, DeepSeek,
vLLM, SGLang, TGI), and proxies pass them on as they are, in any letter case. A cut answer that passes for
a whole one is stored for good.
"""

import logging
import re
from functools import cache

from nightshift.models.llm.base import FinishReason
from nightshift.models.llm.limits import Failed

log = logging.getLogger(__name__)
WHOLE = frozenset(
    "stop stop_sequence stop_sequence_reached end_turn end_of_turn eos eos_token end_of_text endoftext"
    " end_of_sequence complete completed "
    "finished finish done word tool_calls tool_call tool_use function_call unspecified null none".split()
)
"""The model ended by itself. One that wanted a tool has written nothing, which the parser says."""
CUT = frozenset(
    "length max_tokens max_token max_output_tokens max_new_tokens max_completion_tokens maximum_tokens"
    " model_length max_length token_limit "
    "limit length_limit context_length context_length_exceeded model_context_window_exceeded "
    "max_context_length "
    "incomplete truncated".split()
)
"""The answer is cut."""
WITHHELD = frozenset(
    "content_filter content_filtered contentfilter sensitive safety refusal recitation blocklist"
    " prohibited_content spii image_safety "
    "guardrail_intervened error_toxic language moderation blocked policy_violation".split()
)
"""Somebody's rules, not the model's words."""
BROKEN = frozenset(
    "error network_error server_error internal_error error_limit timeout time_limit cancelled canceled"
    " user_cancel abort aborted "
    "not_finished unload insufficient_system_resource insufficient_resources "
    "malformed_function_call overloaded".split()
)
"""The server did not get to the end; another try may."""
_PREFIXES = re.compile(r"\A(?:finish_?reason[_.:]*)+")


def finish_of(said: str | None) -> FinishReason:
    """The finish reason a server's word stands for; no word is a whole answer. Raises Failed for one that
    means no answer.

    >>> finish_of("stop"), finish_of("MAX_TOKENS"), finish_of("FinishReason.SAFETY"), finish_of(None)
    ('stop', 'length', 'refusal', 'stop')
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z0-9]+", "_", said or "stop")
    word = _PREFIXES.sub("", spaced.casefold().strip("_"))
    if word in BROKEN or word.endswith("_error"):
        raise Failed(f"the server gave up on the answer: finish_reason {said!r}")
    if word in WITHHELD or word.startswith("content_filter"):
        return "refusal"
    if word in CUT:
        return "length"
    if word and word not in WHOLE:
        _tell_once(word)
    return "stop"


@cache
def _tell_once(word: str) -> None:
    log.warning(
        "finish_reason %r is not known here; such answers are taken as whole. Look whether they are cut", word
    )
