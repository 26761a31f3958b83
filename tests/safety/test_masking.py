"""Personal data in free text never reaches a prompt, and what only looks like it stays."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.prompts.item_text import item_lines, one_line
from nightshift.prompts.personal_data import luhn, masked

EMAILS = [
    "anna@example.org", "a.b+c@mail.example.co.uk", "ANNA_1@EXAMPLE.COM", "jörg@münchen.example", "o'neil@example.ie",
    "a@b.museum", "first.last@sub.domain.example.info",
]  # fmt: skip
PHONES = [
    "+49 30 1234567", "+49 (0)30 123 45 67", "+1 (212) 555-0123", "+1-212-555-0123", "+442079460958", "(212) 555-0123", "212-555-0123",
    "212.555.0123", "030 1234567", "020 7946 0958", "0171/1234567", "01 23 45 67 89", "01.23.45.67.89", "+86 138 1234 5678",
    "tel. 5550123", "Phone: 0800 1111 22", "call us at 1-800-356-9377", "WhatsApp 5551234567", "Fax no. 555 0123",
]  # fmt: skip
CARDS = [
    "4111 1111 1111 1111", "4111-1111-1111-1111", "4111111111111111", "5555555555554444", "2221000000000009", "378282246310005",
    "3782 822463 10005", "30569309025904", "6011111111111117", "3530111333300000", "6200000000000005",
]  # fmt: skip
HARMLESS = [
    "ISBN 978-3-16-148410-0", "ISBN 0-306-40615-2", "9783161484100", "EAN 4006381333931", "UPC 036000291452", "1999-2004", "2001-09-11",
    "2001-09-11 08:46:40", "$1,299.00", "EUR 1.299,00", "12 345 678 sold", "WH-1000XM4", "RTX 3080 10240", "iPhone 14 Pro 128 GB",
    "1920x1080x60", "5 x 10 x 20 cm", "part 4711-0815", "SKU 100-200-30", "1984, 2001, 2010, 2046", "16/32/64/128 GB", "3.141592653589793",
    "4111 1111 1111 1112", "1234567890123456", "IMEI 490154203237518", "R2-D2 and C-3PO", "C++ 11", "@handle on a site", "5 @ 3.20 each",
    "Apollo 11, 13 and 17", "192.168.100.200", "v1.2.3.4567", "100 200 3000 4000", "No. 5 (1921) 50 ml", "a@b", "1 000 000 000",
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text"),
    [*(("email", t) for t in EMAILS), *(("phone", t) for t in PHONES), *(("card", t) for t in CARDS)],
)
def test_what_is_personal_is_masked_wherever_it_stands(kind: str, text: str) -> None:
    for sentence in (text, f"Nice. {text}.", f"Ask ({text}), please", f"Ask:{text}", f"{text} or later"):
        line = masked(sentence)
        assert f"[{kind}]" in line
        assert not set(re.findall(r"\d{4,}", text)) & set(re.findall(r"\d{4,}", line))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_it_stays(text: str) -> None:
    for sentence in (text, f"The {text} model", f"{text}, new", f"({text})"):
        assert masked(sentence) == sentence


def carded(body: str) -> str:
    """The number with its check digit."""
    return next(body + digit for digit in "0123456789" if luhn(body + digit))


@given(st.text("0123456789", min_size=14, max_size=14), st.sampled_from(["", " ", "-"]))
def test_every_card_number_is_masked_and_with_a_wrong_check_digit_none_is(body: str, separator: str) -> None:
    number = carded(f"4{body}")
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    shown, other = (
        separator.join(digits[place : place + 4] for place in range(0, 16, 4)) for digits in (number, wrong)
    )
    assert masked(f"pay with {shown} today") == "pay with [card] today"
    assert "[card]" not in masked(f"pay with {other} today")


@given(st.from_regex(r"[a-z0-9._-]{1,20}@[a-z0-9]{1,10}\.[a-z]{2,6}", fullmatch=True))
def test_every_plain_address_is_masked(address: str) -> None:
    assert masked(f"write to {address} now") == "write to [email] now"


@given(st.text())
def test_a_text_without_digits_and_addresses_is_left_alone(text: str) -> None:
    plain = re.sub(r"[\d@]", "", text)
    assert masked(plain) == plain


@given(
    st.lists(st.integers(1000, 2100).map(str), max_size=1),
    st.integers(0, 999_999),
    st.text("abc .,!", max_size=30),
)
def test_years_and_small_numbers_in_words_stay(years: list[str], number: int, words: str) -> None:
    text = " and ".join([words.strip(), *years, f"{number} of them"])
    assert masked(text) == text


@pytest.mark.parametrize(
    ("secret", "mask"), [(EMAILS[0], "[email]"), (PHONES[0], "[phone]"), (CARDS[0], "[card]")]
)
def test_no_field_of_an_item_lets_it_through(secret: str, mask: str) -> None:
    lines = item_lines("Item", f"Lamp {secret}", [f"by {secret}"], f"Ask {secret} for it.", 400)
    assert secret not in lines
    assert lines.count(mask) == 3


@pytest.mark.parametrize("secret", [EMAILS[0], "4111 1111 1111 1111", "+49 30 1234567"])
@pytest.mark.parametrize("before", range(360, 420, 7))
def test_the_cap_cuts_no_number_in_half_before_it_is_masked(secret: str, before: int) -> None:
    line = one_line("x" * before + " " + secret + " y" * 1000, 400)
    assert not re.search(r"\d{2}|anna", line)


def test_many_addresses_move_no_cut_one_into_sight() -> None:
    line = one_line(f"{'a' * 60}@example.org " * 200, 400)
    assert "aaa" not in line


def test_a_hostile_text_takes_no_time() -> None:
    for text in (
        "1" * 1_000_000,
        "1 " * 500_000,
        "a" * 1_000_000 + "@",
        "a@" * 500_000,
        "a@" + "b." * 500_000,
        "+1" * 500_000,
        "tel " * 200_000,
    ):
        one_line(text, 400)
