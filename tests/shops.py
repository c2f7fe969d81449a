"""`python -m tests.shops`: opens shops in the database that the environment names; prints them as JSON.

{"accounts": [sandbox key …], "shops": [{"host", "key", "tenant", "customers": [external id …]}],
"suppliers": [{"number", "key", "protocol", "settings"} …]}: these are the accounts of all protocols.
"""

import argparse
import json

import django

django.setup()

from accounts.keys import issue_key  # noqa: E402
from accounts.models import Customer  # noqa: E402
from billing.services import create_customer, create_tenant, move_money  # noqa: E402
from providers.models import Country, Offer, Provider, ProviderHealth, Service  # noqa: E402
from providers.registry import callback_url  # noqa: E402
from providers.sandbox.books import Books  # noqa: E402
from providers.sandbox.stock import RENT, rental_shelves, shelves  # noqa: E402
from tests.suppliers.faces import FACES  # noqa: E402

GOODS = (("telegram", "us"), ("whatsapp", "uk"))
RENTED = ("full", "us")
RICH_MICROS = 10_000_000_000


def read_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sandbox", required=True)
    parser.add_argument("--tenants", type=int, default=1)
    parser.add_argument("--customers", type=int, default=1)
    parser.add_argument("--providers", type=int, default=1, help="of the shared pool")
    parser.add_argument("--own", type=int, default=0, help="1: the last tenant has an account of its own")
    parser.add_argument("--every", type=int, default=0, help="1: a provider of every other protocol, too")
    parser.add_argument("--rentals", type=int, default=0, help="1: providers rent numbers by the day, too")
    parser.add_argument("--micros", type=int, default=RICH_MICROS, help="what each customer has")
    parser.add_argument("--life_seconds", type=int, default=1_200)
    parser.add_argument("--cancel_lock_seconds", type=int, default=0, help="of suppliers that do not say")
    parser.add_argument("--check_seconds", type=int, default=1)
    parser.add_argument("--timeout_seconds", type=int, default=8)
    return parser.parse_args()


def open_provider(number, options, *, tenant=None):
    """An account at the sandbox that sells GOODS; its key. Odd and even ones are cheaper for different goods,
    so that orders go to all of them and from one to the other.
    """
    provider = Provider(
        public_no=number,
        display_name=f"Sandbox {number}",
        tenant=tenant,
        protocol="sandbox",
        base_url=options.sandbox,
        cancel_lock_seconds=0,
        life_seconds=options.life_seconds,
        timeout_seconds=options.timeout_seconds,
        check_seconds=options.check_seconds,
        sync_seconds=0,
    )
    provider.secret = key_of(number)
    provider.save()
    ProviderHealth.objects.create(provider=provider)
    for place, (service, country) in enumerate(GOODS):
        tier = min(shelves()[service, country], key=lambda one: one.cost_micros)
        Offer.objects.create(
            provider=provider,
            service_id=service,
            country_id=country,
            cost_micros=tier.cost_micros * (10 if tenant else 11 if number % 2 == place else 12) // 10,
            count=1_000_000,
            capabilities=["sms"],
            upstream_service=service,
            upstream_country=country,
            upstream_ref=tier.ref,
            quality=tier.quality,
        )
    if options.rentals:
        offer_rentals(provider)
    return provider.secret


def offer_rentals(provider):
    service, country = RENTED
    Service.objects.get_or_create(id=service, defaults={"name": "Any service"})
    Offer.objects.create(
        provider=provider,
        service_id=service,
        country_id=country,
        kind="rental",
        duration_hours=24,
        cost_micros=rental_shelves()[RENTED][24],
        count=1_000_000,
        upstream_service=service,
        upstream_country=country,
        upstream_ref=RENT,
    )


def open_supplier(number, face, options):
    """An account that speaks a protocol of tests/suppliers and sells GOODS at its true prices."""
    account = Books().account(key_of(number).encode())
    provider = Provider(
        public_no=number,
        display_name=f"{face.protocol.title()} {number}",
        protocol=face.speaks or face.protocol,
        base_url=f"{options.sandbox}/{face.protocol}",
        cancel_lock_seconds=options.cancel_lock_seconds,
        cancel_fee_micros=face.cancel_fee_micros,
        life_seconds=options.life_seconds,
        timeout_seconds=options.timeout_seconds,
        check_seconds=options.check_seconds,
        sync_seconds=0,
        options=dict(face.options),
    )
    provider.secret, provider.callback_secret = key_of(number), face.callback_secret(account)
    provider.save()
    ProviderHealth.objects.create(provider=provider)
    for service, country in GOODS:
        cheapest = min(tier.cost_micros for tier in shelves()[service, country])
        wish = face.wish(service, country)
        Offer.objects.create(
            provider=provider,
            service_id=service,
            country_id=country,
            operator=wish["operator"],
            cost_micros=-(-cheapest // face.price_step_micros) * face.price_step_micros,
            count=1_000_000,
            capabilities=["sms"],
            upstream_service=wish["service"],
            upstream_country=wish["country"],
            upstream_ref=wish["offer_ref"],
            quality=0.5,
        )
    settings = {"cancel_fee_micros": face.cancel_fee_micros}
    if "callback" in face.actions:
        settings["callback_url"] = callback_url(provider.callback_token)
    if "status" not in face.actions:
        settings["life_seconds"] = 3_600  # it closes nothing before it is told
    return {"number": number, "key": key_of(number), "protocol": face.protocol, "settings": settings}


def key_of(number):
    return f"sandbox_account_{number:06}"


def open_shop(number, options):
    host = f"shop{number}.localhost"
    tenant = create_tenant(slug=f"shop{number}", name=f"Shop {number}", hosts=[host])
    move_money(
        tenant_id=tenant.pk, customer_id=None, amount_micros=100 * RICH_MICROS, transaction_id="opening"
    )
    names = [f"shop{number}customer{each}" for each in range(options.customers)]
    for name in names:
        create_customer(tenant=tenant, external_id=name, opening_micros=options.micros)
    Customer.objects.filter(tenant=tenant).update(max_active=1_000)
    _, key = issue_key(tenant=tenant)
    return tenant, {"host": host, "key": key, "tenant": tenant.pk, "customers": names}


def main():
    options = read_options()
    for service, country in GOODS:
        Service.objects.create(id=service, name=service.title())
        Country.objects.create(id=country, name=country, iso2=country.upper()[:2], dial_codes=["1"])
    opened = [open_shop(number, options) for number in range(options.tenants)]
    accounts = [open_provider(number, options) for number in range(1, options.providers + 1)]
    if options.own:
        accounts.append(open_provider(90, options, tenant=opened[-1][0]))
    faces = FACES.values() if options.every else ()
    suppliers = [
        *({"number": int(key[-6:]), "key": key, "protocol": "", "settings": {}} for key in accounts),
        *(open_supplier(number, face, options) for number, face in enumerate(faces, 11)),
    ]
    shops = [shop for _, shop in opened]
    print(json.dumps({"accounts": accounts, "suppliers": suppliers, "shops": shops}))


if __name__ == "__main__":
    main()
