"""What is peculiar to the handler family and RentVerify, through the real services: messages without ids,
numbers that are gone, other currencies, hooks that nobody signs, members that lack an action.

What every protocol must do is in test_protocols.py.
"""

from datetime import timedelta

import pytest
from django.test import Client

from activations.models import Attempt, Check, MoneyAtRisk
from activations.services import closing
from activations.services.checking import check_due, expire_due, reconcile_due
from portal import errors
from providers.catalogue import load_catalogue, sync_offers
from providers.http import send
from providers.models import Offer, ProviderHealth
from tests.activations.conftest import Shop

pytestmark = pytest.mark.django_db(transaction=True)

DIALECTS = ["handler", "handler-classic", "handler-hero"]
RICH = (100_000_000, 0, 10_000_000_000, 0)
NO_LIST = ["list_active", "messages_in_list"]


def seconds(number):
    return timedelta(seconds=number)


@pytest.fixture(params=DIALECTS)
def shop(request, make_supplier):
    """A shop that buys from the family, in each dialect."""
    return Shop(make_supplier(request.param))


@pytest.fixture
def bower(make_supplier):
    return Shop(make_supplier("handler"))


def shop_without_offers(make_supplier):
    """With the whole catalogue and nothing to buy yet."""
    load_catalogue()
    shop = Shop(make_supplier())
    shop.provider.delete()
    return shop


def set_options(shop, **options):
    shop.provider.options = {**shop.provider.options, **options}
    shop.provider.save()


# --- messages have no ids ---


def test_k4_the_same_code_again_is_still_waiting_until_another_comes(shop, now):
    """README 2.2: the old code stays shown after a retry, and the list, the status and the words tell one
    message.
    """
    row = shop.order(now=now)
    shop.sms(row, "Your code is 1111")
    check_due(now + seconds(10))
    closing.request_retry(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(12))
    shop.upstream.state(shop.row(row.hex_id).upstream_ref, "received")

    for second in (20, 30, 40):
        check_due(now + seconds(second))
    assert shop.row(row.hex_id).sms_status == "retryRequested"
    assert shop.row(row.hex_id).messages.count() == 1

    shop.sms(row, "Your code is 2222")
    check_due(now + seconds(50))
    assert (shop.row(row.hex_id).sms_status, shop.row(row.hex_id).sms_code) == ("retryReceived", "2222")


def test_w1_a_message_that_the_list_told_is_not_news_from_the_status(bower, now):
    row = bower.order(now=now)
    bower.sms(row, "Your code is 1111")
    check_due(now + seconds(10))
    assert bower.row(row.hex_id).sms_text == "Your code is 1111"
    closing.request_retry(buyer=bower.buyer, hex_id=row.hex_id, now=now + seconds(12))
    set_options(bower, without=NO_LIST)
    bower.state(row, "received")

    expire_due(row.expire_at + seconds(1))

    assert bower.upstream.calls["status"] == 1
    assert (bower.row(row.hex_id).activation_status, bower.row(row.hex_id).messages.count()) == ("expired", 1)


def test_u14_a_text_without_a_code_is_billed_whole(shop, now):
    row = shop.order(now=now)
    shop.sms(row, "Welcome: to\nthe club")
    check_due(now + seconds(10))

    got = shop.row(row.hex_id)
    assert (got.sms_code, got.sms_text, got.billing_status) == (None, "Welcome: to\nthe club", "billed")


@pytest.mark.parametrize("text", ["STATUS_OK:", "STATUS_OK:\r\n", "STATUS_OK"])
def test_an_empty_code_is_no_message_and_is_asked_about_again(bower, now, text):
    set_options(bower, without=NO_LIST)
    row = bower.order(now=now)
    bower.upstream.fault("status", "garbage", text=text)
    check_due(now + seconds(10))
    assert bower.row(row.hex_id).billing_status == "reserved"

    bower.sms(row, "Your code is 1111")
    check_due(now + seconds(20))
    assert bower.row(row.hex_id).sms_code == "1111"


@pytest.mark.parametrize(
    "text", ["STATUS_OK: '12:34'", "status_ok:12:34\r\n", '"STATUS_OK:12:34"', "\ufeffSTATUS_OK:12:34"]
)
def test_a_code_with_a_colon_however_it_is_wrapped(bower, now, text):
    set_options(bower, without=NO_LIST)
    row = bower.order(now=now)
    bower.upstream.fault("status", "garbage", text=text)

    check_due(now + seconds(10))

    assert bower.row(row.hex_id).sms_code == "12:34"


# --- states ---


def test_a_number_that_is_gone_ends_after_three_answers_within_a_minute(shop, now):
    """README 2.2: NO_ACTIVATION three times within 60 s releases the hold (K6)."""
    set_options(shop, without=NO_LIST)
    row = shop.order(now=now)
    shop.upstream.fault("status", "unknown_order", times=-1)

    for second in range(6, 46):
        check_due(now + seconds(second))
    assert shop.row(row.hex_id).activation_status == "active"
    for second in range(46, 66):
        check_due(now + seconds(second))

    assert shop.upstream.calls["status"] == 3
    assert shop.row(row.hex_id).activation_status == "expired"
    assert shop.money() == RICH


def test_u5_a_word_that_nobody_knows_is_no_news_and_no_failure(bower, now):
    set_options(bower, without=NO_LIST)
    row = bower.order(now=now)
    bower.upstream.fault("status", "garbage", times=3, text="STATUS_SOMETHING_NEW")
    for second in (10, 20, 30):
        check_due(now + seconds(second))

    assert (Check.objects.get().tries, bower.row(row.hex_id).activation_status) == (0, "active")
    assert not ProviderHealth.objects.filter(failures__gt=0).exists()


def test_u13_a_cancelled_word_after_a_code_moves_no_money(bower, now):
    row = bower.order(now=now)
    bower.sms(row, "Your code is 1111")
    check_due(now + seconds(10))
    closing.request_retry(buyer=bower.buyer, hex_id=row.hex_id, now=now + seconds(12))
    bower.state(row, "canceled")
    check_due(now + seconds(40))

    got = bower.row(row.hex_id)
    assert (got.activation_status, got.billing_status, got.upstream_state) == ("active", "billed", "canceled")


# --- cancel ---


def test_u9_a_cancel_that_is_too_early_says_when_to_try_again(shop, now):
    shop.upstream.settings(cancel_lock_seconds=600)
    row = shop.order(now=now)

    with pytest.raises(errors.EarlyCancel) as refusal:
        closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(5))

    assert refusal.value.extra["at"] > now
    assert shop.row(row.hex_id).activation_status == "active"
    shop.upstream.account.leases[int(shop.row(row.hex_id).upstream_ref)].cancelable = 0
    closed = closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(60))
    assert (closed.activation_status, shop.money()) == ("canceled", RICH)


def test_a_cancel_is_confirmed_by_either_word(bower, now):
    row = bower.order(now=now)
    bower.upstream.fault("cancel", "garbage", text="STATUS_CANCEL", after=True)

    closed = closing.cancel(buyer=bower.buyer, hex_id=row.hex_id, now=now + seconds(5))

    assert (closed.activation_status, bower.money()) == ("canceled", RICH)


# --- prices ---


def test_u8_the_price_that_a_refusal_names_is_taken_when_the_cap_allows_it(shop, now):
    dear = shop.offer.cost_micros * 2
    for line in shop.upstream.price_lines(service="telegram", country="us"):
        shop.upstream.stock("telegram", "us", line["offer"], price_micros=dear)

    row = shop.order(now=now, max_price_micros=dear * 3)

    assert (row.lease_state, shop.row(row.hex_id).cost_micros) == ("leased", dear)
    assert list(Attempt.objects.order_by("id").values_list("outcome", flat=True)) == ["refused", "leased"]


def test_a_provider_in_roubles_is_paid_and_capped_in_its_own_money(make_supplier, now):
    """The upstream's dollars stand for roubles here: at 0.0109 each, 0.06 of them are worth 654 micro-USD."""
    supplier, shop = make_supplier("handler"), shop_without_offers(make_supplier)
    provider = supplier.provider(options={"prices": "getPrices", "rate": "0.0109"})
    sync_offers(provider, now)
    price = supplier.price_micros()
    offer = Offer.objects.get(provider=provider, service="telegram", country="us")
    assert offer.cost_micros == round(price * 0.0109)

    row = shop.order(now=now)

    assert shop.row(row.hex_id).cost_micros == offer.cost_micros
    assert [lease.cost for lease in supplier.leases] == [price]


@pytest.mark.parametrize("name", [*DIALECTS, "rentverify"])
def test_what_a_synchronisation_lists_can_be_bought(make_supplier, now, name):
    supplier, shop = make_supplier(name), shop_without_offers(make_supplier)
    assert sync_offers(supplier.provider(), now).offers > 1_000

    row = shop.order(now=now, max_price_micros=50_000_000)

    assert (row.lease_state, len(supplier.leases)) == ("leased", 1)
    assert shop.row(row.hex_id).cost_micros == supplier.leases[0].cost


# --- members that lack something ---


def test_a_member_without_v2_sells_by_words_at_the_ceiling(make_supplier, now):
    shop = Shop(make_supplier("handler"))
    set_options(shop, order="getNumber")

    row = shop.order(now=now)

    assert (row.phone, shop.row(row.hex_id).cost_micros) == (
        shop.upstream.leases[0].phone,
        shop.offer.cost_micros,
    )
    assert row.is_retriable


def test_a_member_without_a_list_is_asked_singly_and_lost_orders_are_at_risk(bower, now):
    set_options(bower, without=NO_LIST)
    row = bower.order(now=now)
    bower.sms(row, "Your code is 1111")
    check_due(now + seconds(10))
    assert (bower.row(row.hex_id).sms_code, bower.upstream.calls["list"]) == ("1111", 0)

    bower.upstream.fault("order", "lost", after=True)
    lost = bower.order(now=now)
    reconcile_due(now + seconds(300))
    assert bower.row(lost.hex_id).lease_state == "unsold"
    assert MoneyAtRisk.objects.get().kind == "orphan"


def test_u1_a_lost_order_is_found_among_many_pages(make_supplier, now):
    """hero lists a hundred at a time."""
    shop = Shop(make_supplier("handler-hero"))
    wish = {"ceiling_micros": 50_000_000, "our_ref": "x", **shop.upstream.wish("whatsapp", "uk")}
    for _ in range(130):
        send(shop.upstream.adapter().order(**wish))
    shop.upstream.fault("order", "lost", after=True)
    row = shop.order(now=now)

    reconcile_due(now + seconds(10))

    assert shop.row(row.hex_id).phone == shop.upstream.leases[-1].phone
    assert shop.upstream.calls["list"] == 2


# --- hooks ---


def test_w5_an_unsigned_hook_only_makes_us_ask(bower, now):
    """Whatever it claims, the code comes from the status call."""
    row = bower.order(now=now)
    path = f"/callbacks/{bower.provider.callback_token}/"
    forged = {"activationId": int(bower.row(row.hex_id).upstream_ref), "code": "6666", "text": "forged 6666"}

    assert Client().post(path, forged, content_type="application/json").status_code == 200
    check_due(now + seconds(1))
    assert (bower.row(row.hex_id).sms_code, bower.row(row.hex_id).billing_status) == (None, "reserved")

    bower.sms(row, "Your code is 1111")
    body, headers = bower.upstream.callback(bower.row(row.hex_id).upstream_ref)
    assert Client().post(path, body, content_type="application/json", headers=headers).status_code == 200
    check_due(now + seconds(2))
    assert bower.row(row.hex_id).sms_code == "1111"


# --- RentVerify ---


def test_rentverify_sells_for_the_price_of_its_id_or_not_at_all(make_supplier, now):
    shop = Shop(make_supplier("rentverify"))
    shop.upstream.stock("telegram", "us", "economy", price_micros=shop.offer.cost_micros + 10_000)

    with pytest.raises(errors.NoNumbers):
        shop.order(now=now, max_price_micros=50_000_000)
    assert (shop.upstream.leases, shop.money()) == ([], RICH)


def test_rentverify_has_no_retry_and_its_finish_is_ours_alone(make_supplier, now):
    shop = Shop(make_supplier("rentverify"))
    row = shop.order(now=now)
    shop.sms(row, "Your code is 1111")
    check_due(now + seconds(10))

    with pytest.raises(errors.InvalidState):
        closing.request_retry(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(12))
    closed = closing.finalize(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(20))

    assert closed.activation_status == "finalized"
    assert set(shop.upstream.calls) <= {"order", "status", "list"}


def test_rentverify_out_for_a_while_is_unavailable_not_sold_out(make_supplier, now):
    shop = Shop(make_supplier("rentverify"))
    shop.upstream.fault("order", "refuse", word="NO_NUMBERS", status=503)

    with pytest.raises(errors.UpstreamUnavailable):
        shop.order(now=now)
    assert shop.money() == RICH
