"""Mails to a customer about the end of his rental. They name the rental, never its phone (S3)."""

from __future__ import annotations

from django.core.mail import EmailMessage

from accounts.models import Customer
from accounts.queries import primary_host
from activations.rental_queries import RentalRow
from billing.money import dollars

SUBJECTS = {
    "ends_soon": "Your rented number ends soon",
    "renews_soon": "Your rented number renews soon",
    "not_renewed": "Your rented number could not be renewed",
}
TEXTS = {
    "ends_soon": "Your rental {id} ends on {end}. Extend it before that if you want to keep the number.",
    "renews_soon": "Your rental {id} ends on {end} and then renews by itself for at most {cap}.",
    "not_renewed": "Your rental {id} ends on {end} and could not be renewed: {reason}",
}


def tell_customer(row: RentalRow, *, about: str, reason: str = "") -> None:
    """One mail to the customer's login; a customer without one (he came over the API) gets the event only."""
    customer = Customer.objects.select_related("user", "tenant").get(pk=row.customer_id)
    if customer.user is None or row.ends_at is None:
        return
    text = TEXTS[about].format(
        id=row.rnt_id,
        end=f"{row.ends_at:%-d %B %Y, %H:%M} UTC",
        cap=dollars(row.renew_max_price_micros or 0),
        reason=reason,
    )
    host = primary_host(customer.tenant)
    where = f"https://{host}/rentals/{row.rnt_id}/" if host else "the portal"
    EmailMessage(SUBJECTS[about], f"{text}\n\n{where}\n", to=[customer.user.email]).send()
