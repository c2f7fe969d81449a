"""How a number is shown to people."""

from __future__ import annotations

import re
from functools import cache

import phonenumbers

DIGITS, NO_DIGIT = re.compile(r"[0-9]{4,20}"), re.compile(r"[^0-9]")
PLAIN = re.compile(r"[1-9][0-9]{4,14}")
OWN_LEAST = 3  # digits after the country's code
ANYTHING, NOTHING = re.compile(""), re.compile("(?!)")


def format_phone(phone: str) -> str:
    """`14155552671` → `+1 415-555-2671`; a number that no plan knows keeps its digits behind the `+`."""
    try:
        number = _plain(phone) or phonenumbers.parse(f"+{phone}", None)
    except phonenumbers.NumberParseException:
        return f"+{phone}"[:40]
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)[:40]


def _plain(phone: str) -> phonenumbers.PhoneNumber | None:
    """What the library reads from a number that is only its country's code and its own digits, as orders'
    are, without the work of finding that out. None: the library must look.
    """
    if not PLAIN.fullmatch(phone):
        return None
    for length in (1, 2, 3):
        code = int(phone[:length])
        if code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            own = phone[length:]
            if len(own) < OWN_LEAST or own.startswith("0") or _inland_prefix(code).match(own):
                return None
            return phonenumbers.PhoneNumber(country_code=code, national_number=int(own))
    return None


@cache
def _inland_prefix(code: int) -> re.Pattern[str]:
    """What may stand before a number within the country, and is no part of it."""
    region = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code][0]
    plan = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    if plan is None:
        return ANYTHING  # so that the library looks
    return re.compile(plan.national_prefix_for_parsing) if plan.national_prefix_for_parsing else NOTHING


def clean_phone(phone: str) -> str:
    """Digits only; empty when there is no usable number in it."""
    if DIGITS.fullmatch(phone):  # as nearly all are
        return phone
    digits = NO_DIGIT.sub("", phone[:40])
    return digits if DIGITS.fullmatch(digits) else ""
