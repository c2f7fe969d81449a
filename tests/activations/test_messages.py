"""Messages: W1–W4, M6, M9, U13, U14, B7, S3."""

import logging
from datetime import timedelta

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from activations.codes import find_code, is_safe
from activations.models import Activation, Message, MoneyAtRisk
from activations.services import closing
from activations.services.callbacks import match_inbox
from activations.services.checking import check_due, reconcile_due
from activations.services.receiving import storable
from billing.models import Transaction
from providers.contract import Sms
from webhooks.models import InboxMessage

pytestmark = pytest.mark.django_db(transaction=True)


def seconds(number):
    return timedelta(seconds=number)


CODES = [
    ("Your code is 123456", "123456"),
    ("G-482910 is your Google verification code.", "482910"),
    ("123-456 is your WhatsApp code", "123456"),
    ("Use 12 34 56 to log in", "123456"),
    ("Your code: AB12CD", "AB12CD"),
    ("Your login code: XK7-93Q", "XK7-93Q"),
    ("Your verification code is 1, 2, 3, 4. Again: 1, 2, 3, 4", "1234"),
    ("[Shop] 8841 is your PIN, valid 5 minutes", "8841"),
    ("كود التحقق \u200f482910\u200e", "482910"),
    ("🔐 code 4️⃣5️⃣6️⃣7️⃣", "4567"),
    ("code: ٤٨٢٩١٠", "482910"),
    ("验证码：283746，5分钟内有效", "283746"),
    ("Код 88412. Никому не говорите", "88412"),
    ("Call +14155552671", None),
    ("Your balance is $1,234.56", None),
    ("See https://example.com/123456", None),
    ("Hello there", None),
]


@pytest.mark.parametrize(("text", "code"), CODES)
def test_codes_are_found(text, code):
    assert find_code(text) == code


def test_a_services_own_pattern_goes_first_and_a_bad_one_is_harmless():
    assert find_code("ref 99887766, key QQ-12", pattern=r"key (\w+-\d+)") == "QQ-12"
    assert find_code("Your code is 1234", pattern="(") == "1234"
    for pattern in ("(a+)+$", "((a+))+$", "(a|aa)+$", r"(\w|\d)+x", "(?:ab){2,}"):
        assert not is_safe(pattern), pattern
    assert is_safe(r"code \((\d+)\)? is ([A-Z]{4,8})")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Your Slack code is ABC-DEF", "ABC-DEF"),
        ("Your code: KQXZPT", "KQXZPT"),
        ("VERIFICATION CODE FROM GOOGLE", None),
        ("Your code is ready", None),
        ("Your code is ABCD, not 1234", "1234"),
    ],
)
def test_letters_alone_are_a_code_only_where_it_is_announced(text, code):
    assert find_code(text) == code


@given(st.text(max_size=3_000))
def test_b7_no_text_stops_the_search_or_the_store(text):
    kept, is_cut = storable(text, 2_000)
    code = find_code(kept)

    assert "\0" not in kept
    assert len(kept) <= 2_000
    assert is_cut == (kept != text)
    assert code is None or 0 < len(code) <= 40


@pytest.mark.parametrize(
    ("text", "is_cut", "code"),
    [
        ("\0Your code\0 is 4711", True, "4711"),
        ("Your code is 4711 " + "x" * 1_000_000, True, "4711"),
        ("\u202eYour code is 4711\u202c 🙂", False, "4711"),
        ("x" * 5_000 + " Your code is 4711", True, "4711"),
        ("1-" * 500_000, True, None),
    ],
)
def test_b7_odd_texts_are_stored_within_limits_and_the_code_found(shop, now, text, is_cut, code):
    row = shop.order(now=now)

    shop.take_sms(row, text, now=now)

    stored = Message.objects.get()
    assert (stored.is_cut, shop.row(row.hex_id).billing_status) == (is_cut, "billed")
    assert len(stored.text) <= 2_000
    assert code is None or stored.code == code


def test_u14_a_message_without_a_code_is_shown_and_billed(shop, now):
    row = shop.order(now=now)

    shop.take_sms(row, "Welcome aboard!", now=now)

    changed = shop.row(row.hex_id)
    assert (changed.sms_code, changed.sms_text, changed.billing_status) == (None, "Welcome aboard!", "billed")


def test_u13_a_status_that_goes_backwards_changes_nothing_and_is_said_once(shop, now):
    row = shop.order(now=now)
    shop.take_sms(row, "Your code is 1111", now=now, ref="one")
    shop.state(row, "received")
    closing.request_retry(buyer=shop.buyer, hex_id=row.hex_id, now=now)
    shop.state(row, "canceled")

    for later in (60, 120, 180):
        check_due(now + seconds(later))

    changed = shop.row(row.hex_id)
    assert (changed.sms_status, changed.activation_status, changed.billing_status) == (
        "retryRequested",
        "active",
        "billed",
    )
    assert changed.sms_code == "1111"


def test_m6_a_provider_that_charges_more_bills_the_customer_what_was_held(shop, now):
    row = shop.order(now=now)

    shop.take_sms(row, "Your code is 1111", now=now, cost_micros=shop.offer.cost_micros + 700_000)

    assert shop.money()[0] == 100_000_000 - row.customer_price_micros
    risk = MoneyAtRisk.objects.get()
    assert (risk.kind, risk.amount_micros) == ("overcharge", 700_000)


def test_m9_a_code_after_the_release_is_kept_and_moves_no_money(shop, now):
    row = shop.order(now=now)
    closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)

    assert shop.take_sms(row, "Your code is 1111", now=now) == "late"

    assert (Message.objects.get().visible, shop.row(row.hex_id).sms_text) == (False, None)
    assert shop.money() == (100_000_000, 0, 10_000_000_000, 0)
    assert MoneyAtRisk.objects.get().kind == "late_code"


def test_an_unrequested_message_is_kept_and_not_shown(shop, now):
    row = shop.order(now=now)
    shop.take_sms(row, "Your code is 1111", now=now, ref="one")

    assert shop.take_sms(row, "Your code is 2222", now=now, ref="two") == "unrequested"

    assert shop.row(row.hex_id).sms_code == "1111"
    assert Transaction.objects.filter(kind="charge").count() == 1


def test_messages_without_an_id_are_told_apart_by_content(shop, now):
    row = shop.order(now=now)

    words = [shop.take_sms(row, text, now=now) for text in ("Code 1111", "Code 1111", "Code 2222")]

    assert words == ["billed", "repeat", "unrequested"]


# --- Callbacks ---


def pushed(shop, row, text):
    """The signed request that the sandbox would send for this message."""
    shop.sms(row, text)
    return shop.callback(shop.row(row.hex_id).upstream_ref)


def post(shop, body, headers):
    return Client().post(
        f"/callbacks/{shop.provider.callback_token}/", body, content_type="application/json", headers=headers
    )


def test_w1_s1_the_same_callback_many_times_is_one_message_and_one_bill(shop, now):
    row = shop.order(now=now)
    body, headers = pushed(shop, row, "Your code is 4321")

    answers = [post(shop, body, headers).status_code for _ in range(3)]

    assert answers == [200, 200, 200]
    assert shop.row(row.hex_id).sms_code == "4321"
    assert Message.objects.count() == InboxMessage.objects.count() == 1
    assert Transaction.objects.filter(kind="charge").count() == 1


def test_w2_a_callback_before_the_orders_own_reply_is_matched(shop, now):
    shop.upstream.fault("order", "lost", after=True)
    row = shop.order(now=now)
    lease = shop.upstream.leases[0]
    shop.upstream.sms(lease.phone, "Your code is 4321")

    body, headers = shop.callback(str(lease.id))
    assert post(shop, body, headers).status_code == 200
    reconcile_due(now + seconds(10))
    match_inbox(now + seconds(11))

    assert shop.row(row.hex_id).sms_code == "4321"
    assert InboxMessage.objects.get().outcome == "matched"


@pytest.mark.parametrize("spoil", ["signature", "age", "missing", "body"])
def test_w3_a_callback_that_proves_nothing_has_no_effect(shop, now, spoil, caplog):
    row = shop.order(now=now)
    body, headers = pushed(shop, row, "Your code is 4321")
    match spoil:
        case "signature":
            headers["X-Sandbox-Signature"] = "0" * 64
        case "age":
            headers = shop.signed(body, at=now - seconds(400))
        case "missing":
            headers = {}
        case "body":
            body = body.replace(b"4321", b"9z9z")

    with caplog.at_level(logging.DEBUG):
        assert post(shop, body, headers).status_code == 401

    assert not Message.objects.exists()
    assert not InboxMessage.objects.exists()
    assert "Your code is" not in caplog.text
    assert "9z9z" not in caplog.text


def test_w4_a_callback_that_says_ended_is_kept_and_only_makes_us_ask(shop, now):
    row = shop.order(now=now)
    shop.state(row, "expired")
    body, headers = shop.callback(shop.row(row.hex_id).upstream_ref)

    assert post(shop, body, headers).status_code == 200
    assert shop.row(row.hex_id).activation_status == "active"
    assert (InboxMessage.objects.get().outcome, bytes(InboxMessage.objects.get().body)) == ("hint", body)
    check_due(now + seconds(1))

    assert shop.row(row.hex_id).activation_status == "expired"


def test_a_callback_of_one_provider_touches_only_its_own_leases(shop, other_upstream, now):
    row = shop.order(now=now)
    body, headers = pushed(shop, row, "Your code is 4321")
    stranger = other_upstream.provider()

    answer = Client().post(
        f"/callbacks/{stranger.callback_token}/", body, content_type="application/json", headers=headers
    )

    assert answer.status_code == 401
    assert Client().post("/callbacks/nobody/", b"{}", content_type="application/json").status_code == 404
    assert Activation.objects.get().billing_status == "reserved"


def test_s3_a_failure_while_a_code_is_handled_logs_ids_only(shop, now, caplog, owner_connection):
    row = shop.order(now=now)
    body, headers = pushed(shop, row, "Your code is 987654")
    owner_connection.execute("ALTER TABLE activations_message ADD CONSTRAINT never CHECK (false) NOT VALID")
    try:
        with caplog.at_level(logging.DEBUG):
            client = Client(raise_request_exception=False)
            answer = client.post(
                f"/callbacks/{shop.provider.callback_token}/",
                body,
                content_type="application/json",
                headers=headers,
            )
            check_due(now + seconds(10))
    finally:
        owner_connection.execute("ALTER TABLE activations_message DROP CONSTRAINT never")

    assert answer.status_code == 500
    assert "987654" not in caplog.text + answer.content.decode()
    assert row.phone not in caplog.text
    assert row.hex_id in caplog.text


def test_kinds_and_named_codes(shop, now):
    row = shop.order(now=now)

    shop.take_sms(row, "", now=now, kind="voice", code="77-88", sender="+1555")

    stored = Message.objects.get()
    assert (stored.kind, stored.code, stored.sender) == ("voice", "77-88", "+1555")
    assert Sms(text="").kind == "sms"
