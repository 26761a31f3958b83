"""What models and servers put around an answer: thoughts, chat marks, code fences, preambles, labels, quotes.

Two readers share this. A backend asks where an answer begins before it looks for a stop text, because the
line break behind `</think>` or behind a preamble ends nothing. The parser asks for the answer bare.
Neither is part of a content key, and what is stored keeps its wrappings, so that a better reader reads old
answers for free.
"""

import re
from collections.abc import Collection, Sequence

from nightshift.models.llm.base import FinishReason
from nightshift.models.llm.phrases import ACKNOWLEDGED, HERE_IS, NAMES

_THOUGHT = r"think|thinking|thoughts?|reasoning|reflection|scratchpad|chain_of_thought|antthinking|seed:think"
OPENED = re.compile(
    rf"<(?:{_THOUGHT})>|\[THINK\]|◁think▷|<\|START_THINKING\|>|<\|begin_of_thought\|>|<unused94>|<\|channel\|>(?:analysis|commentary)",
    re.IGNORECASE,
)
"""Where thoughts begin: DeepSeek, Qwen, Magistral, Kimi, Cohere, Gemma, gpt-oss and their like."""
CLOSED = re.compile(
    rf"</(?:{_THOUGHT})>|\[/THINK\]|◁/think▷|<\|END_THINKING\|>|<\|end_of_thought\|>|<unused95>|<\|channel\|>final(?:<\|message\|>)?"
    r"|\A\s*analysis(?=[A-Z])[\s\S]*?assistantfinal",
    re.IGNORECASE,
)
"""Where they end. Some templates open them in the prompt, so that an answer holds the end only."""
_MARK = (
    r"<[|｜][^<>|｜\n]{1,40}[|｜]>|</?(?:s|bos|eos|pad|unk|start_of_turn|end_of_turn)>|\[/?INST\]|<</?SYS>>"
)
MARK = re.compile(_MARK, re.IGNORECASE)
"""Marks of chat templates."""
_LEADING_MARKS = re.compile(
    rf"(?:(?:{_MARK})(?:\s*(?:assistant|model)(?=\s*(?:\n|<|\Z)))?\s*)+", re.IGNORECASE
)
_BLANK = re.compile(r"[\s\ufeff\u200b\u2060]+")
_FENCE = re.compile(r"(?:`{3,}|~{3,})(?:[\w+.-]*[ \t]*\r?\n|\w+[ \t]+(?=[{\[]))?")
_LINE_FENCE = re.compile(r"^(?:`{3,}|~{3,})", re.MULTILINE)
_RULE = re.compile(r"[-*_=#~ \t]{3,}\r?\n")
_HEADING = re.compile(r"#{1,6}[ \t][^\n]*\n(?=\s*\S)")
_BULLET = re.compile(r"(?:[-*•–>]|#{1,6}|1[.)])[ \t]+(?=\S)")
_TAGGED = re.compile(r"<(\w{2,20})>(.*?)(?:</\1>|\Z)", re.DOTALL)
_CLOSING_TAG = re.compile(r"\s*</\w{2,20}>\Z")
_PLAIN = re.compile(r"[^\W\d_][^<>\[\]{}`*_\"“”„«»「『'‘:：\n#|!！◁~]*")
"""Most answers: nothing around them, and ten times faster to know than to look for each wrapping."""
_QUOTES = {
    '"': '"',
    "“": "”",
    "”": "”",
    "„": "“",
    "«": "»",
    "»": "«",
    "「": "」",
    "『": "』",
    "'": "'",
    "‘": "’",
    "`": "`",
    "‚": "‘",
}
LONGEST_PREAMBLE = 200
"""Characters before the colon of a preamble."""
MOST_WORDS = 25
"""Words of a preamble."""
LABEL_WORDS = 4
"""Words of a label that is made of one of the NAMES: `One-sentence summary of it:`."""


def cut_at_stop(text: str, stop: Sequence[str], finish: FinishReason) -> tuple[str, FinishReason]:
    """The text up to the first stop text behind where the answer begins, for servers that ignore `stop` or
    were not sent one.

    >>> cut_at_stop("<think>\\nA lamp.\\n</think>\\n\\nA fine lamp.\\nMovie:", ["\\n"], "length")
    ('<think>\\nA lamp.\\n</think>\\n\\nA fine lamp.', 'stop')
    """
    begins = answer_begins(text) if stop else 0
    cuts = [place for place in (text.find(one, begins) for one in stop) if place >= 0]
    return (text[: min(cuts)], "stop") if cuts else (text, finish)


def answer_begins(text: str) -> int:
    """Place of the answer's first visible character: behind thoughts, marks, fences, preambles, a bullet.
    The end where there is none."""
    place = _behind(text, _thoughts_end(text))
    bullet = _BULLET.match(text, place)
    place = bullet.end() if bullet else place
    return next((at for at in range(place, len(text)) if text[at].isalnum()), len(text))


def is_unfinished_thought(text: str) -> bool:
    """Whether a model was cut while it thought: nothing of it is an answer."""
    return _thoughts_end(text) == len(text) and bool(OPENED.search(text)) and not CLOSED.search(text)


def _thoughts_end(text: str) -> int:
    """Place behind the thoughts before an answer; the end of the text when they never close."""
    closed = 0
    for found in CLOSED.finditer(text):
        closed = found.end()
    if closed and text[closed:].strip():
        return closed
    opened = OPENED.search(text)
    if opened and not MARK.sub("", text[: opened.start()]).strip():
        return len(text)
    return len(text) if closed and not opened else 0


def _behind(text: str, place: int) -> int:
    """Place behind everything that may stand before an answer on lines of its own."""
    while True:
        further = place
        for pattern in (_BLANK, _LEADING_MARKS, _FENCE, _RULE, _HEADING):
            found = pattern.match(text, further)
            further = found.end() if found else further
        further = _behind_preamble(text, further)
        if further == place:
            return place
        place = further


def _behind_preamble(text: str, place: int) -> int:
    """Place behind a first line that only announces: it ends in a colon, says yes, or is a bare label."""
    line, newline, _ = text[place : place + 2 * LONGEST_PREAMBLE].partition("\n")
    said = line.strip().strip("*_ \t").strip()
    if not said or said[0] in "{[":
        return place
    announces = (
        said.endswith((":", "：")) and len(line) <= LONGEST_PREAMBLE and len(said.split()) <= MOST_WORDS
    )
    if announces or (newline and (_is_yes(said) or _is_name(said) or _is_here(said))):
        return place + len(line) + len(newline)
    return place


def _is_yes(line: str) -> bool:
    return ACKNOWLEDGED.fullmatch(line.rstrip("!.,。！ ")) is not None


def _is_name(line: str) -> bool:
    short = len(line.split()) <= LABEL_WORDS and not line.endswith(".") and _colon(line) < 0
    return short and NAMES.search(line) is not None


def _is_here(line: str) -> bool:
    """`Sure! Here is a one-sentence summary.`"""
    if len(line) > LONGEST_PREAMBLE or _colon(line) >= 0:
        return False
    return HERE_IS.match(_after_yes(line)) is not None and NAMES.search(line) is not None


def _after_yes(line: str) -> str:
    found = ACKNOWLEDGED.match(line)
    return line[found.end() :].lstrip("!.,。！:– ") if found else line


def block(text: str) -> str:
    """An answer of several lines: without thoughts, marks, preamble lines, and without the fence around it.

    >>> block('<think>hm</think>Here is the object:\\n```json\\n{"a": 1}\\n```\\nAnything else?')
    '{"a": 1}'
    """
    start = _thoughts_end(text)
    begins = _behind(text, start)
    body = text[begins:]
    body = body[: _ends(body)].strip()
    if not _FENCE.search(text, start, begins):
        body = _from_the_fence(body)
    fence = _LINE_FENCE.search(body)
    return body[: fence.start() if fence else len(body)].removesuffix("```").removesuffix("~~~").strip()


def _from_the_fence(body: str) -> str:
    """An object in a fence behind words; else the text as it is."""
    fence = None if body.startswith(("{", "[")) else _LINE_FENCE.search(body)
    opened = _FENCE.match(body, fence.start()) if fence else None
    return body[opened.end() :] if opened and body[opened.end() :].lstrip()[:1] in ("{", "[") else body


def _ends(text: str) -> int:
    """Place of the first chat mark, or of thoughts, behind the answer."""
    found = [match.start() for match in (MARK.search(text), OPENED.search(text)) if match]
    return min(found, default=len(text))


def bare(text: str, labels: Collection[str] = ()) -> str:
    """The answer without anything around it. `labels` are the prompt's own, which models like to repeat.

    >>> bare('Sure! Here is a one-sentence summary:\\n\\n**Summary:** "A fine lamp."<|im_end|>')
    'A fine lamp.'
    >>> bare("Casablanca is a film about \\"love\\".")
    'Casablanca is a film about "love".'
    """
    text = text.strip()
    if _PLAIN.fullmatch(text) and not text.startswith(("analysis", *labels)):
        return text
    text = block(text)
    if text.startswith(("{", "[")):
        return text
    for _ in range(6):  # a label in quotes in asterisks; more than a few is not an answer
        inner = _without_label(_unquoted(_untagged(text)), labels)
        if inner == text:
            break
        text = inner
    return text


def _untagged(text: str) -> str:
    """Without a tag around the whole, as in `<summary>...</summary>`, and without a bullet."""
    found = _TAGGED.fullmatch(text)
    text = found[2].strip() if found else _CLOSING_TAG.sub("", text)
    bullet = _BULLET.match(text)
    return text[bullet.end() :] if bullet else text


def _unquoted(text: str) -> str:
    """Without one pair of quotes, asterisks or underscores around the whole. A pair around the first word
    only stays."""
    for mark in ("***", "**", "__", "*", "_"):
        if (
            text.startswith(mark)
            and text.count(mark) == 2
            and (end := text.rfind(mark)) >= len(text) - len(mark) - 1
        ):
            return (text[len(mark) : end] + text[end + len(mark) :]).strip()
    if text.count("**") % 2:
        return text.removeprefix("**").removesuffix("**").strip()
    closing = _QUOTES.get(text[:1])
    if closing is None or len(text) < 3:
        return text
    end = text.rfind(closing)
    behind, inside = text[end + 1 :], text[1:end]
    whole = end > 0 and behind in ("", ".", "!", "?", "。")
    if not whole or _pairs(inside, text[0], closing):
        return text
    return (inside + ("" if inside.endswith((".", "!", "?", "。")) else behind)).strip()


def _pairs(inside: str, opening: str, closing: str) -> bool:
    """Whether the quotes inside belong to other words. An apostrophe between letters is no quote."""
    if opening == "'":
        inside = re.sub(r"(?<=\w)'(?=\w)", "", inside)
    return opening in inside or closing in inside


def _without_label(text: str, labels: Collection[str]) -> str:
    """Without the prompt's label, `Summary:` in any language, or `Sure! Here is a one-sentence summary of
    it:` on the same line."""
    for label in labels:
        if (
            text[: len(label)].casefold() == label.casefold()
            and not text[len(label) : len(label) + 1].isalnum()
        ):
            return text[len(label) :].lstrip("*_: \t").strip()
    colon = _colon(text)
    before = text[:colon].strip("*_ \t") if colon > 0 else ""
    if before and NAMES.search(before) and (len(before.split()) <= LABEL_WORDS or _announces(before)):
        return text[colon + 1 :].lstrip("*_ \t").strip()
    found = ACKNOWLEDGED.match(text)
    if found and text[found.end() : found.end() + 1] in ("!", "！"):
        return text[found.end() + 1 :].strip()
    return text


def _announces(before: str) -> bool:
    after = _after_yes(before)
    return after != before or HERE_IS.match(after) is not None


def _colon(text: str) -> int:
    """Place of the first colon outside quotes near the beginning, -1 where there is none: titles hold
    colons too."""
    closing = None
    for place, sign in enumerate(text[:LONGEST_PREAMBLE]):
        if sign == "\n" and closing is None:
            return -1
        if closing is None and sign in ":：":
            return place
        if closing is None and sign in '"“„«「『':
            closing = _QUOTES[sign]
        elif sign == closing:
            closing = None
    return -1
