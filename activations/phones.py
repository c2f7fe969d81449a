"""How a number is shown to people."""

from __future__ import annotations

import re

import phonenumbers

DIGITS = re.compile(r"[0-9]{4,20}")


def format_phone(phone: str) -> str:
    """`14155552671` → `+1 415-555-2671`; a number that no plan knows keeps its digits behind the `+`."""
    try:
        number = phonenumbers.parse(f"+{phone}", None)
    except phonenumbers.NumberParseException:
        return f"+{phone}"[:40]
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)[:40]


def clean_phone(phone: str) -> str:
    """Digits only; empty when there is no usable number in it."""
    digits = re.sub(r"[^0-9]", "", phone[:40])
    return digits if DIGITS.fullmatch(digits) else ""
