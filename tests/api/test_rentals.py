"""Rentals under the retail base: the whole life over HTTP, what is refused, and whose they are."""

from datetime import timedelta

import pytest
from django.utils import timezone

from activations.models import Rental
from activations.services.rentals.checking import check_due_rentals
from tests.api.conftest import names
from tests.factories import PriceRuleFactory

pytestmark = pytest.mark.django_db(transaction=True)
A_DAY = {"service_id": "full", "country_id": "us", "hours": 24}


def soon():
    return timezone.now() + timedelta(minutes=1)


@pytest.fixture
def rent(partner, shop):
    def rent(key=None, **fields):
        headers = {"Idempotency-Key": key} if key else {}
        return partner.post(f"{partner.a}/rental", {**A_DAY, **fields}, **headers)

    return rent


def test_the_whole_life_of_a_rental(partner, shop, rent):
    status, lines = partner.get(f"{partner.a}/rentals/prices?hours=24&country_id=us")
    assert (status, [line["service_id"] for line in lines]) == (200, ["full"])
    price = lines[0]["customer_price"]

    status, rental = rent()
    assert (status, rental["rental_status"], rental["customer_price"]) == (200, "active", price)
    own = f"{partner.a}/rental/{rental['rental_id']}"
    shop.upstream.sms(rental["phone"], "Your code is 482913", sender="Telegram")
    check_due_rentals(soon())
    _, page = partner.get(f"{own}/messages")
    assert (page["total"], page["messages"][0]["code"]) == (1, "482913")
    assert partner.get(f"{own}/extension_price?hours=48")[1] == {"hours": 48, "customer_price": 2 * price}
    _, longer = partner.post(f"{own}/extend", {"hours": 48})
    assert (longer["hours"], longer["ends_at"]) == (72, rental["ends_at"] + 48 * 3_600)
    _, renewing = partner.put(f"{own}/auto_renew", {"enabled": True, "hours": 24})
    assert (renewing["auto_renew"], renewing["renew_max_price"]) == (True, price)
    _, whole = partner.get(own)
    assert [term["hours"] for term in whole["terms"]] == [24, 48]
    _, ended = partner.put(f"{own}/finish")

    assert (ended["rental_status"], ended["customer_refund"]) == ("finished", 0)
    assert partner.money() == (100_000_000 - 3 * price * 10_000, 0)
    assert partner.get(f"{partner.a}/rentals")[1]["total"] == 1
    assert partner.get(f"{partner.a}/rentals?only_active=true")[1]["total"] == 0


def test_a_cancel_pays_back_what_was_named_before(partner, rent):
    _, rental = rent()
    own = f"{partner.a}/rental/{rental['rental_id']}"
    promised = partner.get(own)[1]["refund_if_cancelled"]

    _, ended = partner.put(f"{own}/cancel")

    assert ended["customer_refund"] == promised == rental["customer_price"]
    assert partner.money() == (100_000_000, 0)
    assert names(partner.put(f"{own}/cancel")) == (409, "ConflictException")


def test_m2_m3_a_request_key_rents_and_extends_once(partner, rent):
    _, first = rent("k1")
    own = f"{partner.a}/rental/{first['rental_id']}"

    assert rent("k1")[1]["rental_id"] == first["rental_id"]
    assert names(rent("k1", hours=48)) == (422, "IdempotencyMismatchException")
    for _ in range(2):
        assert partner.post(f"{own}/extend", {"hours": 24}, **{"Idempotency-Key": "k2"})[1]["hours"] == 48
    assert names(partner.post(f"{own}/extend", {"hours": 48}, **{"Idempotency-Key": "k2"}))[0] == 422
    assert Rental.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"hours": 0}, "hours"),
        ({"hours": 721}, "hours"),
        ({"hours": 24.0}, "hours"),
        ({"hours": "24"}, "hours"),
        ({"hours": True}, "hours"),
        ({"hours": None}, "hours"),
        ({"country_id": "u\0s"}, "body"),
        ({"max_price": -1}, "max_price"),
        ({"customer_price": 10**18}, "customer_price"),
        ({"customer_price": 10**20}, "body"),
        ({"price": 1}, "price"),
        ({"tenant": 2}, "tenant"),
    ],
)
def test_bad_input_is_refused_naming_the_field(partner, rent, fields, field):
    answer = rent(**fields)

    assert names(answer) == (400, "ValidationException")
    assert list(answer[1]["details"]) == [field]
    assert partner.money() == (100_000_000, 0)
    assert not Rental.objects.exists()


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"hours": 5}, (404, "NoNumbersAvailableException")),
        ({"service_id": "nobody"}, (404, "NotFoundException")),
        ({"country_id": "zz"}, (404, "NotFoundException")),
        ({"max_price": 1}, (409, "MaxPriceExceededException")),
        ({"customer_price": 1_000_000}, (402, "PaymentRequiredException")),
    ],
)
def test_what_cannot_be_had_says_why(partner, rent, fields, refusal):
    assert names(rent(**fields)) == refusal
    assert partner.money() == (100_000_000, 0)


@pytest.mark.parametrize(
    "rental_id", ["rnt_nobody000000", "x", "rnt_" + "a" * 300, "%00", "rnt_ABCDEFGHIJKL"]
)
def test_an_id_that_nobody_has_is_unknown(partner, shop, rental_id):
    for method, verb in (("GET", ""), ("GET", "/messages"), ("PUT", "/cancel"), ("PUT", "/finish")):
        assert partner.ask(method, f"{partner.a}/rental/{rental_id}{verb}")[0] in (404, 400)


def test_t1_anothers_rental_is_unknown(partner, stranger, rent):
    rental_id = rent()[1]["rental_id"]
    own = f"{stranger.a}/rental/{rental_id}"

    for method, verb, body in [
        ("GET", "", None), ("GET", "/messages", None), ("GET", "/extension_price?hours=24", None),
        ("POST", "/extend", {"hours": 24}), ("PUT", "/cancel", None), ("PUT", "/finish", None),
        ("PUT", "/auto_renew", {"enabled": False}),
    ]:  # fmt: skip
        assert names(stranger.ask(method, own + verb, body)) == (404, "NotFoundException")
    assert stranger.get(f"{stranger.a}/rentals")[1]["rentals"] == []
    assert Rental.objects.get().rental_status == "active"


def test_f19_below_a_cent_the_price_that_is_shown_is_booked(partner, rent):
    PriceRuleFactory(tenant=partner.tenant, layer="tenant", percent_ppm=33_333, rounding_micros=1)
    prices = partner.get(f"{partner.a}/rentals/prices?hours=24&country_id=us")[1]

    _, rental = rent()

    assert prices[0]["customer_price"] == rental["customer_price"]
    assert partner.money()[0] == 100_000_000 - rental["customer_price"] * 10_000
