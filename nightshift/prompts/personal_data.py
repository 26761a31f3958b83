"""Personal data that slipped into free text: e-mail addresses, phone numbers and card numbers, masked
before a prompt.

Numbers are masked only where they have the form of one: a phone number is international (+49 30 ...),
labelled (tel. ...) or grouped as people write them; a card number has an issuer's beginning and length and
passes the Luhn check (ISO/IEC 7812-1). ISBNs, article codes, years, prices and model numbers stay.
"""

import re
import unicodedata

_EMAIL = re.compile(r"(?<![\w.%+'-])[\w.%+'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}")
_CARD = re.compile(r"(?<![\d.,-])\d(?:[ -]?\d){13,18}(?![\d-])")
_ISSUER = re.compile(
    r"4\d{15}(?:\d{3})?|(?:5[1-5]|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720))\d{12,14}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}"
    r"|(?:6011|64[4-9]\d|65\d\d|352[89]|35[3-8]\d|62\d\d)\d{12}"
)
"""Visa, Mastercard, American Express, Diners, Discover, JCB, UnionPay: beginning and length."""
_PHONE = re.compile(
    r"""(?<![\w.,/+-])(?:
      \+\d{1,3}(?:[ .()/-]{0,3}\d){6,13}                                                  # +49 (0)30 1234567
    | \(\d{3}\)[ ]?\d{3}[ .-]\d{4}                                                        # (212) 555-0123
    | [2-9]\d\d([ .-])[2-9]\d\d\1\d{4}                                                  # 212-555-0123
    | 0[1-9]\d{1,3}[ /]\d{3,4}[ ]?\d{3,5}                                  # 030 1234567, 020 7946 0958
    | 0[1-9](?:[ .]\d\d){4}                                                                  # 01 23 45 67 89
    )(?![\w-]|[.,]\d)""",
    re.VERBOSE,
)
_LABELLED = re.compile(
    r"\b((?:tele?(?:phone|fon)?|phone|mobile|cell|fax|whatsapp|call(?:[ ]us)?(?:[ "
    r"]at)?)\b[.:]?\s{0,2}(?:(?:no|nr|number)\b[.:]?\s?)?)"
    r"\+?\(?\d(?:[ .()/-]{0,3}\d){6,14}(?![\w-])",
    re.IGNORECASE,
)
_MANY_DIGITS = re.compile(r"\d(?:[ .()/-]{0,3}\d){6}")
"""What every number that could be masked holds; most texts do not, and are let through at once."""


def masked(text: str) -> str:
    """The text with `[email]`, `[phone]` and `[card]` in the places of such.

    >>> text = "Write to anna@example.org or call +49 30 1234567."
    >>> masked(f"{text} ISBN 978-3-16-148410-0, 1999-2004, 4111 1111 1111 1111")
    'Write to [email] or call [phone]. ISBN 978-3-16-148410-0, 1999-2004, [card]'
    """
    if "@" in text:
        text = _EMAIL.sub("[email]", text)
    if not _MANY_DIGITS.search(text):
        return text
    text = _CARD.sub(_card, text)
    return _PHONE.sub("[phone]", _LABELLED.sub(r"\1[phone]", text))


def _card(found: re.Match[str]) -> str:
    digits = "".join(str(unicodedata.digit(sign)) for sign in found[0] if sign.isdigit())
    return "[card]" if _ISSUER.fullmatch(digits) and luhn(digits) else found[0]


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (Luhn, US patent 2950048, 1960).

    >>> luhn("4111111111111111"), luhn("4111111111111112")
    (True, False)
    """
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0
