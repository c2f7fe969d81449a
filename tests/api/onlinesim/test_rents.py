"""Numbers rented out to a marketplace until it ends them (onlinesim.md 6)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from activations.models import NumberRecord, Push, Rental, Sale
from activations.services.marketplace.leases import flag_old_sales
from activations.services.rentals.renewing import renew_due_rentals
from billing.models import Wallet
from tests.api.onlinesim.conftest import sale_of

pytestmark = pytest.mark.django_db(transaction=True)
NOTHING = {"status": "NO_NUMBERS"}


def balance(marketplace):
    return Wallet.objects.get(tenant=marketplace.contract.tenant, customer=None).balance_micros


def silent(marketplace, shop, attend, phone=None):
    """A rent that is cancelled without a message; its number."""
    if phone:
        shop.upstream.fault("rent", "old_phone", phone=phone)
    answer = marketplace.rent()
    if answer != NOTHING:
        assert marketplace.finish(answer["activationId"], 4, service="rent") == {"status": "SUCCESS"}
    attend()
    return answer.get("number")


def test_a_number_is_rented_out_and_paid_when_it_is_ended(marketplace, shop, arrive, attend):
    before = balance(marketplace)
    answer = marketplace.rent(sum=1_000)
    sale = sale_of(answer["activationId"])
    rental = sale.rental
    assert answer == {"number": int(rental.phone), "activationId": rental.num_id, "status": "SUCCESS"}
    assert (sale.ended_at, sale.expected_micros, rental.customer_price_micros) == (None, 12_500_000, 0)
    assert balance(marketplace) == before - rental.price_micros

    arrive(rental.num_id, "any code 12345", sender="Some Shop")

    assert [(one["text"], one["service"]) for one in marketplace.got] == [("any code 12345", "rent")]
    arrive(rental.num_id, "another 54321", sender="+4915112345678")
    assert marketplace.got[1]["phoneFrom"] == "+4915112345678"
    assert sale_of(rental.num_id).state == "receiving"
    assert marketplace.income() == 0

    assert marketplace.finish(rental.num_id, 3, "/finishActivationRent", service="rent", sum=2_500) == {
        "status": "SUCCESS"
    }
    attend()

    rental.refresh_from_db()
    sale.refresh_from_db()
    assert (sale.state, sale.income_micros, marketplace.income()) == ("finished", 31_250_000, 31_250_000)
    assert rental.rental_status == "finished"


def test_it_is_renewed_until_it_is_ended(marketplace, shop, arrive, attend):
    number = marketplace.rent()["activationId"]
    attend()
    assert not Rental.objects.get().auto_renew, "nothing was received yet"
    arrive(number, "code 12345")
    attend()
    rental = Rental.objects.get()
    assert (rental.auto_renew, rental.renew_hours, rental.renew_max_price_micros) == (True, 24, 0)
    before = balance(marketplace)

    renew_due_rentals(rental.ends_at - timedelta(minutes=30))

    longer = Rental.objects.get()
    assert longer.ends_at - rental.ends_at == timedelta(hours=24)
    assert (longer.customer_price_micros, balance(marketplace) < before) == (0, True)
    marketplace.finish(number, 3, sum=2_000)
    attend()
    longer.refresh_from_db()
    assert longer.rental_status == "finished"
    assert renew_due_rentals(longer.ends_at - timedelta(minutes=30)) == 0


def test_a_silent_rent_costs_nothing_within_the_guard(marketplace, shop, attend):
    before = balance(marketplace)
    silent(marketplace, shop, attend)
    rental = Rental.objects.get()
    assert (rental.rental_status, rental.billing_status, balance(marketplace)) == (
        "canceled", "refunded", before,
    )  # fmt: skip
    assert marketplace.income() == 0


def test_three_silent_rents_in_a_row_hide_the_number_for_a_day(marketplace, make_marketplace, shop, attend):
    phone = silent(marketplace, shop, attend)
    assert silent(marketplace, shop, attend, phone) == phone
    assert silent(marketplace, shop, attend, phone) == phone
    assert silent(marketplace, shop, attend, phone) is None, "hidden"
    assert Sale.objects.latest("id").ending == "late"
    other = make_marketplace(tenant=marketplace.contract.tenant, name="Other")
    assert silent(other, shop, attend, phone) == phone, "from that marketplace alone"
    day = timedelta(hours=24)
    record = NumberRecord.objects.get(contract=marketplace.contract)
    record.hidden_until, record.silent_at = record.hidden_until - day, record.silent_at - day
    record.save()
    assert silent(marketplace, shop, attend, phone) == phone


def test_a_message_or_a_day_lets_silent_rents_be_forgotten(marketplace, shop, arrive, attend):
    phone = silent(marketplace, shop, attend)
    silent(marketplace, shop, attend, phone)
    shop.upstream.fault("rent", "old_phone", phone=phone)
    number = marketplace.rent()["activationId"]
    arrive(number, "code 12345")
    marketplace.finish(number, 4)
    attend()
    assert NumberRecord.objects.get().silent_rents == 0
    silent(marketplace, shop, attend, phone)
    NumberRecord.objects.update(silent_at=timezone.now() - timedelta(hours=25))
    silent(marketplace, shop, attend, phone)
    assert NumberRecord.objects.get().silent_rents == 1


@pytest.mark.parametrize("path", ["", "/getNumber", "/getNumberRent"])
def test_the_service_rent_is_enough(marketplace, shop, path):
    wish = {"action": "GET_NUMBER", "key": marketplace.key, "service": "rent", "sum": 1_000}
    assert marketplace.ask(path, {**wish, "country": "usa", "operator": "any"})[1]["status"] == "SUCCESS"
    assert Rental.objects.count() == 1


def test_what_is_not_rented_out(marketplace, make_marketplace, shop):
    assert marketplace.rent(sum=1) == NOTHING
    assert marketplace.rent(country="germany") == NOTHING
    assert marketplace.rent(exceptionPhoneSet=[1212]) == NOTHING
    assert make_marketplace(rent_hours=0).rent() == NOTHING
    assert make_marketplace(countries=["de"]).rent() == NOTHING


def test_a_rent_with_messages_is_not_flagged(marketplace, shop, arrive):
    quiet, busy = marketplace.rent()["activationId"], marketplace.rent()["activationId"]
    arrive(busy, "code 12345")
    assert flag_old_sales(timezone.now() + timedelta(minutes=31)) == 1
    assert sale_of(quiet).flagged_at
    assert not sale_of(busy).flagged_at


def test_each_message_is_passed_on_once(marketplace, shop, arrive):
    number = marketplace.rent()["activationId"]
    for each in range(3):
        arrive(number, f"code {each}{each}{each}{each}")
    assert Push.objects.filter(state="accepted").count() == len(marketplace.got) == 3
