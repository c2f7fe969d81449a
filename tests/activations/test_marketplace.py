"""Buying where we are the marketplace: the supplier pushes messages, knows a number by its phone, is asked
nothing and is told how each lease ended until it confirms.
"""

from datetime import timedelta

import orjson
import pytest
from django.test import Client

from activations.evidence import Evidence
from activations.models import Ending, MoneyAtRisk, Report
from activations.queries import row_by_id
from activations.rental_queries import rental_messages
from activations.services import closing
from activations.services.checking import check_due, expire_due, reconcile_due
from activations.services.endings import tell_again, tell_due_ends
from activations.services.rentals import cancel_rental, finish_rental, rent_number
from activations.services.rentals.checking import check_due_rentals, end_due_rentals
from activations.services.reporting import approve, file_report
from activations.wish import RentalWish
from portal import errors
from providers.models import ProviderHealth
from tests.activations.conftest import Shop
from tests.factories import CountryFactory, OfferFactory, ServiceFactory
from tests.suppliers.onlinesim import names

pytestmark = pytest.mark.django_db(transaction=True)
PNG = Evidence(content=b"\x89PNG", kind="png")
RICH = (100_000_000, 0, 10_000_000_000, 0)


@pytest.fixture
def shop(make_supplier):
    return Shop(make_supplier("onlinesim"))


def seconds(number):
    return timedelta(seconds=number)


def states(shop):
    return [lease.state for lease in shop.upstream.leases]


def told(shop):
    """(lease, FINISH status) of every telling that arrived."""
    notes = shop.upstream.server.sandbox.notes[shop.upstream.account.name]
    return notes.get("told", [])


def push(shop, **content):
    body = {"action": "PUSH_SMS", "key": shop.upstream.key, "smsId": 7, "phoneFrom": "Insta", **content}
    path = f"/callbacks/{shop.provider.callback_token}/"
    answer = Client().post(path, orjson.dumps(body), content_type="application/json")
    return answer.status_code, answer.json().get("error", answer.json()["status"])


def grant(shop, row, *, reason_id, now):
    file_report(buyer=shop.buyer, hex_id=row.hex_id, reason_id=reason_id, evidence=PNG, now=now)
    approve(report_id=Report.objects.get(activation_id=row.id).pk, now=now)


# --- ends ---


def test_a_sold_number_is_told_as_sold_for_the_agreed_sum(shop, now):
    row = shop.order(now=now)
    shop.sms(row, "Your code is 1234")
    closing.finalize(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(20))
    tell_due_ends(now + seconds(21))

    ending = Ending.objects.get()
    assert (ending.told, ending.due_at, ending.native_currency) == ("sold", None, "RUB")
    assert ending.native_amount * ending.fx_rate * 1_000_000 == shop.row(row.hex_id).cost_micros
    assert states(shop) == ["finished"]
    assert shop.upstream.paid_micros == shop.row(row.hex_id).cost_micros


def test_numbers_that_end_by_the_clock_are_told_as_what_they_were(shop, now):
    used, unused = shop.order(now=now), shop.order(now=now)
    shop.sms(used, "Your code is 1234")
    expire_due(unused.expire_at + seconds(1))
    tell_due_ends(unused.expire_at + seconds(2))

    assert [shop.row(row.hex_id).activation_status for row in (used, unused)] == ["expired", "expired"]
    assert states(shop) == ["finished", "canceled"]
    assert sorted(status for _, status in told(shop)) == [3, 4]


def test_a_cancelled_number_is_ours_to_give_back_also_while_the_supplier_is_away(shop, now):
    row = shop.order(now=now)
    shop.upstream.fault("cancel", "lost", times=2)
    closed = closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(5))

    assert (closed.activation_status, shop.money()) == ("canceled", RICH)
    for later in (6, 7, 20):
        tell_due_ends(now + seconds(later))
    assert states(shop) == ["waiting"]
    tell_due_ends(now + seconds(60))
    assert (states(shop), shop.upstream.calls["cancel"]) == (["canceled"], 3)
    assert ProviderHealth.objects.get(provider=shop.provider).failures == 2


def test_a_finish_whose_answer_was_lost_is_repeated_and_then_left(shop, now):
    row = shop.order(now=now)
    shop.sms(row, "Your code is 1234")
    shop.upstream.fault("finish", "lost", after=True)
    closing.finalize(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(20))
    for later in (21, 40, 60, 300):
        tell_due_ends(now + seconds(later))

    assert told(shop) == [(shop.upstream.leases[0].id, 3)] * 2
    assert shop.upstream.paid_micros == shop.row(row.hex_id).cost_micros


def test_u4_a_worker_killed_while_telling_leaves_it_due(shop, now):
    row = shop.order(now=now)
    closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(5))
    Ending.objects.update(due_at=now + seconds(30))  # claimed, and its worker is gone
    assert tell_due_ends(now + seconds(10)) == 0

    assert tell_due_ends(now + seconds(31)) == 1
    assert states(shop) == ["canceled"]


def test_o7_an_end_that_cannot_be_told_keeps_no_other_back(shop, now):
    bad, good = shop.order(now=now), shop.order(now=now)
    expire_due(good.expire_at + seconds(1))
    Ending.objects.filter(activation_id=bad.id).update(upstream_ref="no number")

    assert tell_due_ends(good.expire_at + seconds(2)) == 2

    assert Ending.objects.get(activation_id=good.id).told == "unused"
    assert (Ending.objects.get(activation_id=bad.id).told, states(shop)) == ("", ["waiting", "canceled"])
    assert not ProviderHealth.objects.filter(failures__gt=0)


def test_k10_a_refund_is_told_also_after_the_sale_was(shop, now):
    row = shop.order(now=now)
    shop.sms(row, "Your code is 1234")
    closing.finalize(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(20))
    tell_due_ends(now + seconds(21))
    closing.refund(tenant_id=shop.tenant.pk, hex_id=row.hex_id, now=now + seconds(60))
    tell_due_ends(now + seconds(61))

    assert [status for _, status in told(shop)] == [3, 5]
    assert (shop.money(), shop.upstream.paid_micros) == (RICH, 0)


@pytest.mark.parametrize("has_code", [True, False])
def test_k9_a_number_that_its_service_knew_is_told_as_used_and_costs_nothing(shop, has_code, now):
    """FINISH 1, once: the end of its time adds nothing to it."""
    row = shop.order(now=now)
    if has_code:
        shop.sms(row, "Welcome back: 1234")
    grant(shop, row, reason_id=4, now=now + seconds(30))
    tell_due_ends(now + seconds(31))
    expire_due(row.expire_at + seconds(1))
    tell_due_ends(row.expire_at + seconds(2))

    assert [status for _, status in told(shop)] == [1]
    assert (shop.money(), shop.upstream.paid_micros) == (RICH, 0)


@pytest.mark.parametrize(("reason_id", "is_open"), [(4, False), (5, True)])
def test_k9_a_sale_that_is_told_or_spoiled_in_another_way_is_told_as_refunded(shop, reason_id, is_open, now):
    row = shop.order(now=now)
    shop.sms(row, "Your code is 1234")
    if not is_open:
        closing.finalize(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(20))
        tell_due_ends(now + seconds(21))
    grant(shop, row, reason_id=reason_id, now=now + seconds(30))
    tell_due_ends(now + seconds(31))

    assert [status for _, status in told(shop)] == ([5] if is_open else [3, 5])
    assert (shop.money(), shop.upstream.paid_micros) == (RICH, 0)


def test_what_the_supplier_does_not_know_is_not_told_for_ever(shop, now):
    row = shop.order(now=now)
    shop.upstream.fault("cancel", "unknown_order", times=-1)
    closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(5))
    for later in (6, 100, 10_000):
        tell_due_ends(now + seconds(later))

    assert shop.upstream.calls["cancel"] == 1
    assert Ending.objects.get().parked_reason == "unknown_to_upstream"


def test_an_order_whose_answer_was_lost_costs_nothing_that_we_do_not_finish(shop, now):
    shop.upstream.fault("order", "lost", after=True)
    row = shop.order(now=now)
    for later in (100, 200, 300):
        reconcile_due(now + seconds(later))

    assert row_by_id(tenant_id=shop.tenant.pk, activation_id=row.id).lease_state == "unsold"
    assert (shop.money(), MoneyAtRisk.objects.count(), Ending.objects.count()) == (RICH, 0, 0)


def test_nobody_is_asked_about_an_open_number(shop, now):
    row = shop.order(now=now)
    for later in range(5, 900, 60):
        check_due(now + seconds(later))

    assert set(shop.upstream.calls) == {"order"}
    assert shop.row(row.hex_id).activation_status == "active"


# --- PUSH_SMS ---


def test_os_3_a_push_is_taken_once_and_answered_success_each_time(shop, now):
    row = shop.order(now=now)
    answers = [push(shop, phone=int(row.phone), text="Your code is 1234") for _ in range(3)]

    assert answers == [(200, "SUCCESS")] * 3
    got = shop.row(row.hex_id)
    assert (got.billing_status, got.sms_code, got.messages.count()) == ("billed", "1234", 1)


def test_a_second_message_is_shown_when_it_was_asked_for(shop, now):
    row = shop.order(now=now)
    push(shop, phone=row.phone, text="Your code is 1234")
    again = closing.request_retry(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(10))
    push(shop, phone=row.phone, text="Your code is 5678", smsId=8)

    assert again.sms_status == "retryRequested"
    assert shop.row(row.hex_id).sms_code == "5678"
    assert set(shop.upstream.calls) == {"order"}


def test_a_push_for_a_number_that_is_not_open_ends_there(shop, now):
    row = shop.order(now=now)
    closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(5))

    assert push(shop, phone=row.phone, text="Your code is 1234") == (400, "NO_OPERATION")
    assert push(shop, phone="4915100000000", text="Your code is 1234") == (400, "NO_OPERATION")
    assert (shop.money(), shop.row(row.hex_id).messages.count()) == (RICH, 0)


def test_w2_a_push_that_overtook_its_order_is_asked_for_again(shop, now):
    shop.upstream.fault("order", "lost", after=True)
    shop.order(now=now)

    assert push(shop, phone=shop.upstream.leases[0].phone, text="1234") == (503, "NOT_YET")


def test_w3_a_push_without_the_key_changes_nothing(shop, now):
    row = shop.order(now=now)

    assert push(shop, phone=row.phone, text="Your code is 1234", key="wrong") == (401, "BAD_KEY")
    assert shop.row(row.hex_id).sms_status == "smsRequested"


def test_a_push_reaches_only_numbers_of_its_own_account(shop, now, make_supplier):
    row = shop.order(now=now)
    other = make_supplier("onlinesim").provider()
    body = {"action": "PUSH_SMS", "key": other.secret, "smsId": 7, "phone": row.phone, "text": "1234"}
    path = f"/callbacks/{other.callback_token}/"

    assert Client().post(path, orjson.dumps(body), content_type="application/json").status_code == 400
    assert shop.row(row.hex_id).sms_status == "smsRequested"


def test_messages_of_blocked_senders_are_refused(shop, now):
    row = shop.order(now=now)
    shop.provider.options["blocked_senders"] = ["MyBank"]
    shop.provider.save()

    assert push(shop, phone=row.phone, text="1234", phoneFrom="MYBANK") == (400, "BAD_SERVICE")
    assert shop.row(row.hex_id).sms_status == "smsRequested"


# --- rents ---


@pytest.fixture
def rented(shop, now):
    shop.provider.rental_ends_unused = True
    shop.provider.save()
    wish = {"service": ServiceFactory(id="full"), "country": CountryFactory(id="de")}
    cost = shop.upstream.rental_price_micros(24, "full", "de")
    OfferFactory(
        provider=shop.provider, kind="rental", duration_hours=24, cost_micros=cost, upstream_service="rent",
        upstream_country=names("country")["de"], upstream_ref="", **wish,
    )  # fmt: skip

    return rent_number(
        buyer=shop.buyer,
        wish=RentalWish(service_id="full", country_id="de", hours=24),
        request_key=None,
        channel="portal",
        now=now,
    )


def test_a_rent_without_a_message_is_given_back_after_twenty_minutes(shop, rented, now):
    check_due_rentals(now + seconds(60))
    end_due_rentals(now + timedelta(minutes=21))
    tell_due_ends(now + timedelta(minutes=22))

    assert (states(shop), [status for _, status in told(shop)]) == (["canceled"], [4])
    assert (shop.money(), shop.upstream.paid_micros) == (RICH, 0)


def test_a_rent_with_messages_runs_to_its_end_and_is_told_as_sold(shop, rented, now):
    for number in (1, 2, 1):
        text = f"Your code is {number}234"
        assert push(shop, phone=rented.phone, text=text, smsId=number, service="rent") == (200, "SUCCESS")
    end_due_rentals(now + timedelta(minutes=21))
    assert [message.text for message in rental_messages(rented)] == ["Your code is 2234", "Your code is 1234"]
    end_due_rentals(rented.ends_at + seconds(1))
    tell_due_ends(rented.ends_at + seconds(2))

    assert (states(shop), [status for _, status in told(shop)]) == (["finished"], [3])
    assert shop.upstream.paid_micros == shop.upstream.leases[0].cost
    assert push(shop, phone=rented.phone, text="1", service="rent") == (400, "NO_OPERATION")


def test_a_rent_is_cancelled_or_finished_here_and_told_there(shop, rented, now):
    closed = cancel_rental(buyer=shop.buyer, rnt_id=rented.rnt_id, now=now + seconds(30))
    tell_due_ends(now + seconds(31))

    assert (closed.rental_status, states(shop), shop.money()) == ("canceled", ["canceled"], RICH)
    with pytest.raises(errors.RentalNotActive):
        finish_rental(buyer=shop.buyer, rnt_id=rented.rnt_id, now=now + seconds(40))


def test_a_rent_that_was_used_is_sold_also_when_its_customer_cancels_it(shop, rented, now):
    push(shop, phone=rented.phone, text="Your code is 1234", service="rent")
    closed = cancel_rental(buyer=shop.buyer, rnt_id=rented.rnt_id, now=now + seconds(30))
    tell_due_ends(now + seconds(31))

    assert (closed.customer_refund_micros, states(shop)) == (0, ["finished"])


# --- the operator ---


def test_the_operator_lets_an_end_be_told_again(shop, now):
    running, row = shop.order(now=now), shop.order(now=now)
    shop.upstream.fault("cancel", "unknown_order")
    closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(5))
    tell_due_ends(now + seconds(6))
    ids = list(Ending.objects.values_list("pk", flat=True))

    assert tell_again(ending_ids=ids, now=now + seconds(60)) == 1
    tell_due_ends(now + seconds(61))

    assert Ending.objects.get(activation_id=row.id).told == "unused"
    assert shop.row(running.hex_id).activation_status == "active"
    assert states(shop) == ["waiting", "canceled"]
