"""An account at a supplier of each protocol over real HTTP, with the offers of its own price list."""

from datetime import timedelta
from itertools import count

from django.db import connection
from django.test import Client
from django.utils import timezone

from activations.models import Activation, Rental
from activations.services.auditing import breaches
from activations.services.checking import check_due, expire_due
from activations.services.endings import tell_due_ends
from activations.services.marketplace.leases import attend_due_sales
from activations.services.rentals.checking import check_due_rentals
from api.onlinesim.pushing import push_due
from providers.catalogue import load_catalogue, sync_offers
from providers.contract import Can
from providers.models import (
    CatalogueSync,
    CodeMap,
    Country,
    Offer,
    OfferDay,
    Provider,
    ProviderHealth,
    Service,
)
from providers.sandbox.books import OPEN_STATES
from tests.banking.compare import OURS, line

SERVICE, COUNTRY = "telegram", "us"
RENTED = ("full", "whatsapp")  # the first that a provider rents
A_DAY = 24
MADE = (OfferDay, CatalogueSync, Offer, Provider, CodeMap, Country, Service)  # by a synchronisation
_kept = {}  # protocol → the rows that a synchronisation made of its list, read once by each process


class Market:
    """One provider and the suppliers' side of it."""

    def __init__(self, supplier):
        self.supplier = supplier
        self.can = supplier.adapter().can
        self.minutes = count(1)
        offers = _stock_up(supplier)
        self.provider = supplier.provider()
        ProviderHealth.objects.create(provider=self.provider)
        for offer in offers:
            offer.pk, offer.provider = None, self.provider
        self.offers = Offer.objects.bulk_create(offers)

    @property
    def rented(self):
        """The service that a rental here is for."""
        return next(offer.service_id for offer in self.offers if offer.kind == "rental")

    def later(self):
        """A moment after all the others, so that whatever is due is done."""
        return timezone.now() + timedelta(minutes=next(self.minutes))

    # --- what happens at the provider ---

    def sms(self, phone, text):
        """A message comes to a number and is found, or told by a provider that cannot be asked."""
        lease = self.lease(phone)
        ref = self.supplier.ref(lease)
        self.supplier.sms(ref, text, sender="Telegram")
        if Can.STATUS not in self.can:
            body, headers = self.supplier.callback(ref)
            path = f"/callbacks/{self.provider.callback_token}/"
            answer = Client().post(path, body, content_type="application/json", headers=headers)
            assert answer.status_code == 200, answer.content
        check_due(self.later())
        check_due_rentals(self.later())
        self.sweep()

    def sweep(self):
        """What is done behind an answer: messages passed on, ends carried out and told."""
        attend_due_sales(self.later())
        push_due(now=self.later())
        tell_due_ends(self.later())

    def lease(self, phone):
        """The newest of this number, as the supplier has it."""
        return self.supplier.account.newest_by_phone[phone]

    def sell_out(self):
        self.supplier.sell_out(SERVICE, COUNTRY)

    def become_dearer(self, times=4):
        """Everything costs more; our copy of the price list does not know it yet."""
        for tier in self.supplier.price_lines(service=SERVICE, country=COUNTRY):
            self.supplier.stock(SERVICE, COUNTRY, tier["offer"], price_micros=tier["price"] * times)

    # --- the end of a cell ---

    def let_time_pass(self):
        """The numbers' time is over, here and there."""
        self.sweep()
        expire_due(timezone.now() + timedelta(hours=2))
        tell_due_ends(timezone.now() + timedelta(hours=2))
        self.supplier.server.do(self._end_there)

    def _end_there(self):
        for lease in self.supplier.account.open.values():
            if not lease.hours:
                lease.expires = 0
        self.supplier.server.sandbox.books.expire_due(self.supplier.account)

    def disagreements(self):
        """Sentences: rules of the ledger that are broken, and what the supplier's books say otherwise."""
        found = [f"{breach.rule}: {breach.text}" for breach in breaches(limit=5)]
        with connection.cursor() as cursor:
            cursor.execute(OURS)
            names = [column.name for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        orders = {row["upstream_ref"]: row for row in rows}
        for lease in self.supplier.leases:
            ref = self.supplier.ref(lease)
            found += (
                rental_line(lease, ref)
                if lease.hours
                else line(_told(lease), orders.pop(ref, None), name=self.supplier.protocol)
            )
        found += [f"the supplier knows no lease {ref}" for ref in orders]
        return found


def _told(lease):
    """A lease as tests/banking reads it."""
    return {
        "id": lease.id, "phone": lease.phone, "state": lease.state, "messages": len(lease.messages),
        "paid_micros": lease.charged - lease.refunded,
    }  # fmt: skip


def rental_line(lease, ref):
    """A rented number: what the supplier keeps is what it costs here, less what came back."""
    rental = Rental.objects.get(upstream_ref=ref)
    there = (lease.phone, lease.charged - lease.refunded, len(lease.messages))
    costs = rental.cost_micros if rental.rental_status != "canceled" else 0
    here = (rental.phone, costs, rental.messages_count)
    if there != here:
        yield f"rental {ref}: {there} there, {here} here"
    is_open = lease.state in OPEN_STATES
    if is_open != (rental.rental_status == "active"):
        yield f"rental {ref}: {lease.state} there, {rental.rental_status} here"


def the_order(number):
    """Our row of a number."""
    return Activation.objects.get(phone=number.phone)


def _stock_up(supplier):
    """The catalogue of what the cells buy, as rows; the offers of this protocol, unsaved."""
    protocol = supplier.protocol
    if protocol not in _kept:
        load_catalogue()
        sync_offers(supplier.provider(), timezone.now())
        _kept[protocol] = _what_is_bought()
        for model in MADE:
            model.objects.all().delete()
    catalogue, offers = _kept[protocol]
    for rows in catalogue:
        type(rows[0]).objects.bulk_create(rows)
    return [_copy(offer) for offer in offers]


def _what_is_bought():
    goods, us = [SERVICE, *RENTED], {"country_id": COUNTRY}
    catalogue = [
        list(Service.objects.filter(pk__in=goods)),
        list(Country.objects.filter(pk=COUNTRY)),
        list(CodeMap.objects.filter(canonical_id__in=[*goods, COUNTRY])),
    ]
    numbers = Offer.objects.filter(kind="activation", service_id=SERVICE, **us)
    rentals = Offer.objects.filter(kind="rental", duration_hours__in=[A_DAY], **us) | Offer.objects.filter(
        kind="rental", duration_hours=None, **us
    )
    rented = next((one for one in RENTED if rentals.filter(service_id=one).exists()), "")
    return catalogue, [*numbers, *rentals.filter(service_id=rented)]


def _copy(row):
    return type(row)(**{field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields})
