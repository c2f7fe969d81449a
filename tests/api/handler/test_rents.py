"""Rentals through the text protocol: rented, followed, extended, ended (docs/protocols/handler.md 10)."""

from datetime import timedelta
from itertools import count

import pytest
from django.test import Client
from django.utils import timezone

from activations.models import Rental
from activations.services.rentals.checking import check_due_rentals, end_due_rentals
from api.models import DialectSettings
from providers.models import Offer
from tests.activations.races import together
from tests.api.handler.conftest import ADDRESS, Family
from tests.factories import CountryFactory, CustomerFactory, PriceRuleFactory

pytestmark = pytest.mark.django_db(transaction=True)

RICH = 100_000_000
STYLES = ["bower", "classic", "hero"]


def style(family, name):
    DialectSettings.objects.update_or_create(tenant=family.customer.tenant, defaults={"handler_style": name})


def said(word):
    """A word in the rent family's JSON."""
    return {"status": "error", "message": word}


def refused(family, word, name="bower"):
    """The same, as a style refuses."""
    if name != "hero":
        return said(word)
    return {**family.last.json(), "title": word}


@pytest.fixture
def rent(family, shop):
    def rent(hours="24", **params):
        return family.ask("getRentNumber", service="full", country="187", rent_time=hours, **params)

    return rent


@pytest.fixture
def told(shop):
    """A message comes to a rented number and the next sweep finds it."""
    sweeps = count(1)

    def told(number, text):
        shop.upstream.sms(Rental.objects.get(num_id=number).phone, text, sender="WhatsApp")
        check_due_rentals(timezone.now() + timedelta(minutes=next(sweeps)))

    return told


@pytest.mark.parametrize("name", STYLES)
def test_the_whole_life_of_a_rental(family, shop, rent, told, name):
    style(family, name)
    shelf = family.ask("getRentServicesAndCountries", rent_time="24", country="187")
    full = shelf["services"]["full"]
    assert (shelf["countries"], shelf["operators"]) == ({"0": 187}, {"0": "any"})
    assert full["quant"]["current"] == full["quant"]["total"] > 0

    rented = rent()
    row = Rental.objects.get()
    end = f"{row.ends_at:%Y-%m-%dT%H:%M:%S}"
    if name == "hero":
        assert rented["activationId"] == str(row.num_id)
        assert rented["phoneNumber"] == row.phone
        assert rented["activationCost"] == full["cost"]
        assert rented["activationEndTime"] == f"{end}+00:00"
    else:
        phone = {"id": row.num_id, "endDate": end, "number": row.phone}
        assert rented == {"status": "success", "phone": phone}
    number, day = str(row.num_id), row.customer_price_micros
    assert (row.channel, full["cost"]) == ("handler", day / 1_000_000)
    values = {"0": {"id": number, "phone": row.phone}}
    assert family.ask("getRentList") == {"status": "success", "values": values}
    assert family.ask("getRentStatus", id=number) == said("STATUS_WAIT_CODE")

    told(number, "Your code is 8362")
    found = family.ask("getRentStatus", id=number)
    [message] = found.pop("values").values()
    assert found == {"status": "success", "service": "full", "currency": 840, "quantity": "1"}
    assert (message["phoneFrom"], message["text"]) == ("WhatsApp", "Your code is 8362")
    assert message["date"].endswith("+00:00")

    price = family.ask("getContinueRentPriceNumber", id=number, rent_time="48")
    assert price == {"status": "success", "price": f"{2 * day / 1_000_000:.2f}"}
    info = family.ask("continueRentInfo", id=number, hours="48", needHistory="1")
    assert (info["price"], info["maxHours"]) == (2 * day / 1_000_000, 720)
    assert [term["hours"] for term in info["history"].values()] == [24]
    longer = family.ask("continueRentNumber", id=number, rent_time="48")
    row.refresh_from_db()
    assert row.hours == 72
    assert (longer["activationCost"] if name == "hero" else longer["phone"]["endDate"]) == (
        2 * day / 1_000_000 if name == "hero" else f"{row.ends_at:%Y-%m-%dT%H:%M:%S}"
    )

    family.ask("setRentStatus", id=number, status="2")
    assert family.last.json() == refused(family, "CANT_CANCEL", name), "a message is there"
    assert family.ask("setRentStatus", id=number, status="1") == {"status": "success"}
    assert family.ask("setRentStatus", id=number, status="1") == said("ALREADY_FINISH")
    assert family.ask("getRentStatus", id=number) == said("STATUS_FINISH")
    assert family.ask("getRentStatus", id=number, size="5")["quantity"] == "1", "its messages stay readable"
    family.ask("continueRentNumber", id=number, rent_time="24")
    assert family.last.json() == refused(family, "RENT_DIE", name)
    assert family.ask("getRentList") == said("NO_NUMBERS")
    assert family.money() == (RICH - 3 * day, 0)


@pytest.mark.parametrize("name", STYLES)
def test_a_cancel_within_the_guard_pays_everything_back(family, shop, rent, name):
    style(family, name)
    rent()
    number = str(Rental.objects.get().num_id)
    assert family.ask("setRentStatus", id=number, status="2") == {"status": "success"}
    assert family.ask("setRentStatus", id=number, status="2") == said("ALREADY_CANCEL")
    assert family.ask("getRentStatus", id=number) == said("STATUS_CANCEL")
    assert family.money() == (RICH, 0)


def test_a_cancel_after_the_guard_is_refused(family, shop, rent):
    rent()
    Rental.objects.update(guard_until=timezone.now() - timedelta(seconds=1))
    number = str(Rental.objects.get().num_id)
    assert family.ask("setRentStatus", id=number, status="2") == said("CANT_CANCEL")
    assert Rental.objects.get().rental_status == "active"


def test_a_rental_that_is_over(family, shop, rent):
    rent(hours="4")
    row = Rental.objects.get()
    end_due_rentals(row.ends_at + timedelta(seconds=1))
    row.refresh_from_db()
    assert row.rental_status == "expired"
    assert family.ask("getRentStatus", id=str(row.num_id)) == said("STATUS_FINISH")
    assert family.ask("setRentStatus", id=str(row.num_id), status="2") == said("ALREADY_FINISH")


def test_m2_a_repeated_order_id_rents_and_extends_once(family, shop, rent):
    first, again = rent(orderId="k1"), rent(orderId="k1")
    assert first == again
    assert rent(hours="4", orderId="k1") == said("ORDER_ALREADY_EXISTS")
    number = str(first["phone"]["id"])
    for _ in range(2):
        family.ask("continueRentNumber", id=number, rent_time="24", orderId="k2")
    assert [Rental.objects.count(), Rental.objects.get().hours] == [1, 48]


def test_u10_what_is_not_known_yet_is_to_be_asked_again(family, shop, rent):
    shop.upstream.fault("rent", "lost", after=True)
    assert rent() == said("ERROR_SQL")
    row = Rental.objects.get()
    assert family.ask("getRentStatus", id=str(row.num_id)) == said("ERROR_SQL")
    assert family.ask("getRentList") == said("NO_NUMBERS")


REFUSALS = [
    ("getRentNumber", {"country": "187", "rent_time": "24"}, "BAD_SERVICE"),
    ("getRentNumber", {"service": "full", "rent_time": "24"}, "WRONG_COUNTRY"),
    ("getRentNumber", {"service": "nothing", "country": "187", "rent_time": "24"}, "BAD_SERVICE"),
    ("getRentNumber", {"service": "full", "country": "99999", "rent_time": "24"}, "WRONG_COUNTRY"),
    ("getRentNumber", {"service": "full", "country": "187"}, "INVALID_TIME"),
    ("getRentNumber", {"service": "full", "country": "187", "rent_time": "5"}, "INVALID_TIME"),
    ("getRentNumber", {"service": "full", "country": "187", "rent_time": "x"}, "INVALID_TIME"),
    ("getRentNumber", {"service": "full", "country": "187", "time": "12"}, "NO_NUMBERS"),
    ("getRentNumber", {"service": "full", "country": "187", "time": "24", "operator": "'"},
     "WRONG_OPERATOR"),
    ("getRentStatus", {}, "NO_ID_RENT"),
    ("getRentStatus", {"id": "1"}, "INVALID_PHONE"),
    ("getRentStatus", {"id": "abc"}, "INVALID_PHONE"),
    ("setRentStatus", {"status": "1"}, "NO_ID_RENT"),
    ("setRentStatus", {"id": "1"}, "INCORECT_STATUS"),
    ("setRentStatus", {"id": "1", "status": "3"}, "INCORECT_STATUS"),
    ("setRentStatus", {"id": "1", "status": "2"}, "INVALID_PHONE"),
    ("continueRentNumber", {"rent_time": "24"}, "NO_ID_RENT"),
    ("continueRentNumber", {"id": "1", "rent_time": "24"}, "INVALID_PHONE"),
    ("getContinueRentPriceNumber", {"id": "1"}, "INVALID_PHONE"),
    ("continueRentInfo", {"id": "1"}, "INVALID_PHONE"),
    ("getRentServicesAndCountries", {"country": "99999"}, "WRONG_COUNTRY"),
    ("getRentServicesAndCountries", {"rent_time": "5"}, "INVALID_TIME"),
]  # fmt: skip


@pytest.mark.parametrize("name", STYLES)
def test_refusals_stand_in_json(family, shop, name):
    style(family, name)
    for action, params, word in REFUSALS:
        family.ask(action, **params)
        assert family.last.json() == refused(family, word, name), (action, params)
        assert (family.last.status_code == 200) == (name != "hero")
    assert family.money() == (RICH, 0)


def test_keys_money_and_limits_are_refused_in_json_as_well(family, shop, rent, settings):
    assert family.ask("getRentList", key="pk_live_wrong") == said("BAD_KEY")
    assert family.ask("getRentList", key="") == said("NO_KEY")
    poor = Family(CustomerFactory(tenant=family.customer.tenant, balance_micros=0))
    wish = {"service": "full", "country": "187", "rent_time": "24"}
    assert poor.ask("getRentNumber", **wish) == said("NO_BALANCE")
    type(family.customer).objects.filter(pk=family.customer.pk).update(max_active=0)
    assert rent() == said("CHANNELS_LIMIT")
    type(family.customer).objects.filter(pk=family.customer.pk).update(status="paused")
    assert rent(hours="5") == said("ACCOUNT_INACTIVE"), "who may not order hears that first"
    Offer.objects.update(count=0)
    type(family.customer).objects.update(status="active", max_active=20)
    assert rent() == said("NO_NUMBERS")
    settings.HANDLER_RATES = {**settings.HANDLER_RATES, "rent_reads": 1}
    answers = [family.ask("getRentList") for _ in range(2)]
    assert (answers[1], family.last.status_code) == ("RATE_LIMIT", 429)


def test_hd10_a_reseller_who_does_not_rent_out(family, shop, rent):
    DialectSettings.objects.create(tenant=family.customer.tenant, handler_rents=False)
    assert rent() == said("BAD_ACTION")
    assert family.ask("getRentList") == said("BAD_ACTION")
    assert not Rental.objects.exists()


def test_t1_another_tenants_and_another_customers_rentals_are_unknown(family, foreigner, shop, rent):
    rent()
    number = str(Rental.objects.get().num_id)
    neighbour = Family(CustomerFactory(tenant=family.customer.tenant))
    for other in (foreigner, neighbour):
        for action, params in (
            ("getRentStatus", {}), ("setRentStatus", {"status": "1"}), ("setRentStatus", {"status": "2"}),
            ("continueRentNumber", {"rent_time": "24"}), ("getContinueRentPriceNumber", {}),
            ("continueRentInfo", {}),
        ):  # fmt: skip
            assert other.ask(action, id=number, **params) == said("INVALID_PHONE"), action
        assert other.ask("getRentList") == said("NO_NUMBERS")
    assert Rental.objects.get().rental_status == "active"


def test_messages_are_paged_the_newest_first(family, shop, rent, told):
    number = str(rent()["phone"]["id"])
    for code in (1111, 2222, 3333):
        told(number, f"code {code}")
    first = family.ask("getRentStatus", id=number, size="2")
    assert [one["text"] for one in first["values"].values()] == ["code 3333", "code 2222"]
    second = family.ask("getRentStatus", id=number, size="2", page="2")
    assert ([one["text"] for one in second["values"].values()], second["quantity"]) == (["code 1111"], "3")


def test_f19_a_rent_costs_what_is_shown_with_four_decimals(family, shop, rent):
    PriceRuleFactory(tenant=family.customer.tenant, percent_ppm=333_333, rounding_micros=1)
    shown = family.ask("getRentServicesAndCountries", rent_time="24")["services"]["full"]["cost"]
    rent()
    assert Rental.objects.get().customer_price_micros == round(shown * 1_000_000)


def test_a_country_without_a_number_here_stays_unseen(family, shop):
    offer = Offer.objects.get(kind="rental", duration_hours=24)
    offer.pk, offer.country = None, CountryFactory(id="zz")
    offer.save()
    assert family.ask("getRentServicesAndCountries", rent_time="24")["countries"] == {"0": 187}


def test_m7_finish_and_cancel_at_once_end_it_once(family, shop, rent):
    number = str(rent()["phone"]["id"])
    asked = {"api_key": family.key, "action": "setRentStatus", "id": number}
    answers = together(
        *(lambda status=status: Client().get(ADDRESS, {**asked, "status": status}).json() for status in "12")
    )
    assert sorted(answer["status"] for answer in answers) == ["error", "success"]
    assert Rental.objects.get().rental_status in ("finished", "canceled")
