"""How a row is asked again: the same text, and one line that says what was wrong with the last answer.

The wording follows from the reason alone. What the model wrote is never shown to it again: it may hold
what an item's text made it write. The row keeps its content key; how often it is asked is bounded by
`nightshift.night.plan.ATTEMPTS`.
"""

HINTS: dict[str, str] = {
    "refusal": "No refusal. Use only what is written above, even if it is little.",
    "empty": "The last answer was empty. Write one.",
    "not_json": "The last answer was not one JSON object. Write the object and nothing else.",
    "schema": "The last answer had another form. Keep to the form that is asked for.",
    "unknown_tag": "The last answer used a word that is not on the list. Use the listed words only.",
    "too_long": "The last answer was too long. Write one short sentence.",
    "ungrounded": "The last answer was copied from an example. Write about what is above.",
    "repetition": "The last answer repeated itself. Use each word once.",
    "repeated": "The last answer fits many others. Say what sets this one apart.",
}
"""Reject reason to what the model is told. A server's failure is no answer, so there is nothing to say
about it."""


def before_the_label(text: str, reason: str) -> str:
    """For plain completion: the hint on a line of its own before the last line, which the model is to
    complete.

    >>> print(before_the_label("Movie: Fargo (1996)\\nSummary:", "empty"))
    Movie: Fargo (1996)
    Note: The last answer was empty. Write one.
    Summary:
    """
    item, newline, label = text.rpartition("\n")
    return f"{item}{newline}Note: {HINTS[reason]}\n{label}" if reason in HINTS else text


def after_the_text(text: str, reason: str) -> str:
    """For instructions and delimited data: the hint on a line after the data.

    >>> print(after_the_text("<item>\\nMovie: Fargo (1996)\\n</item>\\n", "not_json"), end="")
    <item>
    Movie: Fargo (1996)
    </item>
    The last answer was not one JSON object. Write the object and nothing else.
    """
    return f"{text}{HINTS[reason]}\n" if reason in HINTS else text
