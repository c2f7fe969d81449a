"""What the tests run in a process of its own, to be killed."""

import os
from datetime import datetime

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
django.setup()

from django.utils import timezone  # noqa: E402

from accounts.identity import Buyer  # noqa: E402
from accounts.models import Customer  # noqa: E402
from activations.services.exchanging import exchange_due  # noqa: E402
from activations.services.ordering import order_activation  # noqa: E402
from activations.wish import Wish  # noqa: E402
from billing.prices import Rules  # noqa: E402
from providers.http import send  # noqa: E402
from providers.router import find_route  # noqa: E402


def order(customer_id, *, row_first):
    """The real order; or, for the counter-test, one that would write its row only after the answer."""
    buyer = Buyer.of(Customer.objects.select_related("tenant").get(pk=customer_id))
    wish = Wish(service_id="telegram", country_id="us")
    if not row_first:
        route = find_route(
            tenant_id=buyer.tenant_id, is_test=False, wish=wish, rules=Rules(), now=timezone.now()
        )
        one = route.candidates[0]
        send(
            one.adapter.order(
                service=one.upstream_service,
                country=one.upstream_country,
                operator=one.operator,
                offer_ref=one.offer_ref,
                ceiling_micros=one.cost_micros,
                our_ref="never_written",
            )
        )
    order_activation(buyer=buyer, wish=wish, request_key=None, channel="retail")


def exchange(now):
    """One sweep of exchanges at `now` (ISO)."""
    exchange_due(datetime.fromisoformat(now))
