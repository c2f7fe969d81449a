"""A shop that rents from a provider of any protocol that rents, one day at a time."""

from providers import canonical
from tests.factories import CountryFactory, OfferFactory, ServiceFactory
from tests.rentals.conftest import Desk
from tests.suppliers import handler, onlinesim, ping

COUNTRY = "de"


def handler_wish():
    return {
        "upstream_service": canonical.ANY_SERVICE.handler_code,
        "upstream_country": handler.codes("country")[COUNTRY],
        "upstream_ref": "",
    }


def onlinesim_wish():
    return {
        "upstream_service": onlinesim.RENT,
        "upstream_country": onlinesim.names("country")[COUNTRY],
        "upstream_ref": "",
    }


def ping_wish():
    wish = ping.wish_for("full", COUNTRY, "rental")
    return {
        "upstream_service": wish["service"],
        "upstream_country": wish["country"],
        "upstream_ref": wish["offer_ref"],
    }


def sandbox_wish():
    return {"upstream_service": "full", "upstream_country": COUNTRY, "upstream_ref": "rent"}


WISHES = {
    "sandbox": sandbox_wish,
    "handler": handler_wish,
    "handler-classic": handler_wish,
    "handler-hero": handler_wish,
    "onlinesim": onlinesim_wish,
    "ping": ping_wish,
}


class FaceDesk(Desk):
    """`desk` for the provider of a protocol."""

    def sell(self, provider, **fields):
        OfferFactory(
            provider=provider,
            service=ServiceFactory(id="full"),
            country=CountryFactory(id=COUNTRY),
            kind="rental",
            duration_hours=24,
            **{"cost_micros": self.cost(24), **WISHES[self.upstream.protocol](), **fields},
        )

    def cost(self, hours=168):
        return self.upstream.rental_price_micros(24, "full", COUNTRY) * hours // 24

    def rent(self, hours=24, **facts):
        return super().rent(hours, country_id=COUNTRY, **facts)
