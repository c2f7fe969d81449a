"""What the tests of rentals run in a process of its own, to be killed."""

import os
from datetime import datetime

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
django.setup()

from accounts.identity import Buyer  # noqa: E402
from accounts.models import Customer  # noqa: E402
from activations.services.rentals import cancel_rental, extend_rental, rent_number  # noqa: E402
from activations.services.rentals.renewing import renew_due_rentals  # noqa: E402
from activations.wish import RentalWish  # noqa: E402

DIGEST = b"d" * 32


def buyer(customer_id):
    return Buyer.of(Customer.objects.select_related("tenant").get(pk=customer_id))


def rent(customer_id, key):
    wish = RentalWish(service_id="full", country_id="us", hours=24)
    rent_number(buyer=buyer(customer_id), wish=wish, request_key=key, request_digest=DIGEST, channel="ping")


def extend(customer_id, rnt_id, key):
    extend_rental(buyer=buyer(customer_id), rnt_id=rnt_id, hours=24, request_key=key, request_digest=DIGEST)


def cancel(customer_id, rnt_id):
    cancel_rental(buyer=buyer(customer_id), rnt_id=rnt_id)


def renew(now):
    """One sweep of renewals at `now` (ISO)."""
    renew_due_rentals(datetime.fromisoformat(now))
