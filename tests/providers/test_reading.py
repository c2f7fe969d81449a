"""Amounts, times and JSON of upstreams: what they are worth here, and what is refused."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from providers.adapters.reading import (
    asks_to_wait_until,
    cents_of,
    dollars,
    iso_time,
    json_of,
    micros_of,
    micros_or_none,
    unix_time,
    words_in,
)
from providers.contract import OutcomeUnknown, Reply


@pytest.mark.parametrize(
    ("amount", "micros"),
    [
        (0.1 + 0.2, 300_000),
        (0.07 * 3, 210_000),
        (1.005, 1_005_000),
        (0.5, 500_000),
        (7, 7_000_000),
        ("0.15", 150_000),
        ("12", 12_000_000),
        ("-0.3", -300_000),
        (Decimal("0.0000005"), 1),
        (1e-7, 0),
        (-2.5, -2_500_000),
    ],
)
def test_an_amount_is_converted_once_to_the_nearest_micro(amount, micros):
    assert micros_of(amount) == micros


def test_another_currency_is_worth_its_rate():
    assert micros_of("12.50", unit_micros=Decimal("10950.25")) == 136_878


@pytest.mark.parametrize(
    "amount",
    [
        True, None, [], {}, "", "0,15", "1e3", "NaN", "Infinity", " 1", "1 000", "0x10", "--1", "١٢", "1.",
        float("nan"), float("inf"), 1e300, 10**30, Decimal("NaN"), "9" * 16,
    ],
)  # fmt: skip
def test_u7_what_is_no_amount_is_not_interpreted(amount):
    with pytest.raises(OutcomeUnknown):
        micros_of(amount)
    assert micros_or_none(amount) is None


@pytest.mark.parametrize("amount", [20.0, "20", True, None, 0.2])
def test_cents_are_whole_numbers_only(amount):
    assert cents_of(20) == 200_000
    with pytest.raises(OutcomeUnknown):
        cents_of(amount)


def test_dollars_for_the_wire_keep_every_decimal():
    assert [dollars(micros) for micros in (150_000, 1, 12_000_000, 1_234_567)] == [
        "0.15",
        "0.000001",
        "12",
        "1.234567",
    ]


def test_times_are_aware_and_sensible_or_none():
    at = datetime(2026, 4, 4, 12, 15, tzinfo=UTC)
    assert unix_time(1_775_304_900) == iso_time("2026-04-04T12:15:00Z") == at
    assert iso_time("2026-04-04 12:15:00") == iso_time("2026-04-04T14:15:00+02:00") == at
    odd = [None, True, "1775304900", 1_775_304_900_000, 10**30, -1, float("nan")]
    assert [unix_time(one) for one in odd] == [None] * len(odd)
    assert [iso_time(one) for one in (None, "", "soon", 5, "0001-01-01T00:00:00")] == [None] * 5


def test_u12_a_429_says_until_when():
    def until(**headers):
        return asks_to_wait_until(
            Reply(429, "", {name.replace("_", "-"): text for name, text in headers.items()})
        )

    date = "Sat, 04 Apr 2026 12:14:00 GMT"
    at = datetime(2026, 4, 4, 12, 15, tzinfo=UTC)
    assert until(X_RateLimit_Reset="1775304900") == at
    assert until(Retry_After="60", Date=date) == until(x_ratelimit_reset="60", date=date) == at
    assert until(Retry_After="60") is until(Retry_After="soon", Date=date) is until() is None


def test_json_counts_whatever_its_type_and_text_does_not():
    assert json_of(Reply(200, '{"a":1}', {"Content-Type": "text/html"})) == {"a": 1}
    for text in ("", "<html>", "{", "NaN", '{"a":1}x'):
        with pytest.raises(OutcomeUnknown):
            json_of(Reply(200, text))


def test_s3_what_is_told_of_an_answer_has_no_digits():
    assert words_in("NO_NUMBERS:79991234567 code 1234") == "NO_NUMBERS code "
