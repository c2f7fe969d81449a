"""A shop whose reseller lets silent numbers be exchanged, with two providers whose routes are measured."""

from datetime import timedelta

from activations.models import Activation, Exchange
from activations.services.exchanging import exchange_due
from providers.models import RouteQuality, RoutingPolicy

P90 = 90


def seconds(number):
    return timedelta(seconds=number)


def measured(offer, *, p90_seconds=P90, codes=20, orders=30, **route):
    """What we know of an offer's route."""
    key = {"provider": offer.provider, "service_id": offer.service_id, "country_id": offer.country_id}
    return RouteQuality.objects.create(
        **{"operator": "", **key, **route}, orders=orders, codes=codes, p90_seconds=p90_seconds,
        median_seconds=20, due_at="2036-01-01T00:00Z",
    )  # fmt: skip


class Healing:
    """A shop, its first (cheapest) provider, and others at which numbers cost the same."""

    def __init__(self, shop, *others, replaces="all"):
        self.shop, self.others = shop, others
        self.suppliers = {shop.provider.pk: shop.upstream}
        shop.provider.priority = 1
        shop.provider.save()
        measured(shop.offer)
        for number, upstream in enumerate(others):
            provider = upstream.provider(priority=50 + number)
            self.suppliers[provider.pk] = upstream
            measured(shop.sell(provider))
        RoutingPolicy.objects.create(tenant=shop.tenant, replaces_silent=replaces)

    def supplier_of(self, row):
        return self.suppliers[row.provider_id]

    def number(self, row):
        """The order as it is in the database."""
        return Activation.objects.get(hex_id=row.hex_id)

    def lease(self, row):
        """The provider's own view of the number that the order has."""
        number = self.number(row)
        return self.suppliers[number.provider_id].lease(number.upstream_ref)

    def sms(self, provider_id, upstream_ref, text):
        return self.suppliers[provider_id].sms(upstream_ref, text)

    def exchange(self, row):
        """Its first exchange."""
        return Exchange.objects.filter(activation_id=row.id).earliest("id")

    def swapped(self, now):
        """An order whose number was exchanged, with the lease that it had first."""
        row = self.shop.order(now=now)
        first = self.number(row)
        exchange_due(now + seconds(P90 + 1))
        assert self.number(row).phone != first.phone
        return row, first
