"""Amounts, times and JSON of upstreams: what they are worth here, and what is refused."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers, sampled_from

from providers.adapters.reading import (
    all_readable,
    asks_to_wait_until,
    ceiling_in,
    cents_of,
    dollars,
    id_of,
    iso_time,
    json_of,
    micros_of,
    micros_or_none,
    path_id,
    share_of,
    unit_of,
    unix_time,
    words_in,
    zone_of,
)
from providers.contract import Account, BadOptions, OutcomeUnknown, Reply, UnknownToUpstream


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


@pytest.mark.parametrize("text", ["ord_1", "abc.def", "a" * 80, "0199-ffee:3", "~x"])
def test_o7_an_id_is_what_can_be_asked_about(text):
    assert id_of(text) == path_id(text) == text


@pytest.mark.parametrize(
    "slip", [None, 7, "", "a b", "a/b", "a\0b", "a\n", "..", "a?b", "a%2f", "\u00e9", "\ud800", "a" * 81]
)
def test_o7_an_id_that_could_not_be_asked_about_is_none(slip):
    with pytest.raises(OutcomeUnknown):
        id_of(slip)
    with pytest.raises(UnknownToUpstream):
        path_id(slip)


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


def test_a_share_is_from_0_to_1():
    assert [share_of(one) for one in (0, 0.3, 1)] == [0.0, 0.3, 1.0]
    assert [share_of(one) for one in (1.1, -0.1, 95, True, "0.5", None, float("nan"))] == [None] * 7


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


# --- what an account's options say ---


def account(**options):
    return Account(base_url="", secret="", options=options)


@pytest.mark.parametrize(
    ("rate", "amount", "micros"),
    [(None, "0.0419", 41_900), ("0.0109", "12.5", 136_250), (0.0109, 12.5, 136_250), (2, "0.5", 1_000_000)],
)
def test_an_amount_is_converted_by_the_accounts_rate(rate, amount, micros):
    options = {} if rate is None else {"rate": rate}
    assert micros_of(amount, unit_micros=unit_of(account(**options))) == micros


@pytest.mark.parametrize("rate", ["0", "-1", "1e3", "x", "", None, [], True, "1,5", 10_000_000])
def test_a_rate_that_is_none_is_the_operators_trouble(rate):
    with pytest.raises(BadOptions, match="rate"):
        unit_of(account(rate=rate))


@settings(deadline=None)
@given(micros=integers(1, 10**10), rate=sampled_from(["1", "0.0109", "0.010873", "0.0006", "1.0837", "37.5"]))
def test_a_ceiling_buys_what_costs_it_and_nothing_dearer(micros, rate):
    """The largest amount of four decimals that is still worth at most the ceiling; one step more is not."""
    unit = unit_of(account(rate=rate))
    ceiling = ceiling_in(unit, micros)

    assert re.fullmatch(r"[0-9]+\.[0-9]{2,4}", ceiling)
    assert micros_of(ceiling, unit_micros=unit) <= micros
    step = Decimal(ceiling) + Decimal("0.0001")
    assert micros_of(str(step), unit_micros=unit) > micros


@settings(deadline=None)
@given(steps=integers(1, 10**9), rate=sampled_from(["1", "0.0109", "0.010873", "0.0006", "1.0837"]))
def test_the_price_of_a_list_is_never_below_its_own_ceiling(steps, rate):
    unit, price = unit_of(account(rate=rate)), Decimal(steps) / 10_000
    assert Decimal(ceiling_in(unit, micros_of(str(price), unit_micros=unit))) >= price


def test_a_time_without_a_zone_belongs_to_the_accounts():
    there = zone_of(account(timezone="Europe/Moscow"))
    assert iso_time("2026-11-21 15:00:00", there) == datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert iso_time("2026-11-21T15:00:00+01:00", there) == datetime(2026, 11, 21, 14, tzinfo=UTC)
    with pytest.raises(BadOptions, match="timezone"):
        zone_of(account(timezone="../etc/passwd"))


def test_lines_that_cannot_be_read_are_left_out_but_not_all_of_them():
    assert all_readable(int, [["1"], ["x"], ["3"]]) == [1, 3]
    assert all_readable(int, []) == []
    with pytest.raises(OutcomeUnknown):
        all_readable(int, [["x"]])


def test_a_byte_order_mark_is_no_part_of_json():
    assert json_of(Reply(200, '\ufeff{"a": 1}')) == {"a": 1}
