"""How numbers are shown: as the library says, also where it is not asked to take them apart."""

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE as CODES
from phonenumbers import PhoneNumberFormat

from activations.phones import clean_phone, format_phone


def as_the_library_shows_it(phone):
    try:
        number = phonenumbers.parse(f"+{phone}", None)
    except phonenumbers.NumberParseException:
        return f"+{phone}"[:40]
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)[:40]


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_every_countrys_numbers_are_shown_as_the_library_shows_them(region):
    plan = phonenumbers.PhoneMetadata.metadata_for_region(region)
    kinds = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    for number in filter(None, (phonenumbers.example_number_for_type(region, kind) for kind in kinds)):
        phone = phonenumbers.format_number(number, PhoneNumberFormat.E164)[1:]
        for written in (phone, f"{plan.country_code}{plan.national_prefix or '0'}{number.national_number}"):
            assert format_phone(written) == as_the_library_shows_it(written), written


@given(st.builds("{}{}".format, st.sampled_from(sorted(CODES)), st.text("0123456789", max_size=18)))
@example("14155552671")
@example("390612345678")  # an Italian zero is part of the number
@example("4402079460000")  # a British one is not
@example("8801812345678")
@example("0")
@example("")
def test_any_digits_are_shown_as_the_library_shows_them(phone):
    assert format_phone(phone) == as_the_library_shows_it(phone)


def test_what_is_no_number_keeps_its_digits():
    assert format_phone("999") == "+999"
    assert clean_phone("+1 (415) 555-2671") == "14155552671"
    assert clean_phone("12") == ""
