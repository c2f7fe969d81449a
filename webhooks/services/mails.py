"""Mails to the owners of endpoints that have trouble; a due mail is a column, so none is lost."""

from __future__ import annotations

import structlog
from django.core.mail import EmailMessage
from django.db import transaction

from accounts.queries import mails_of_owners, primary_host
from webhooks.models import Endpoint

SUBJECTS = {
    Endpoint.Mail.OFF: "A webhook endpoint was switched off",
    Endpoint.Mail.PARKED: "Webhook deliveries could not be made",
}
TEXTS = {
    Endpoint.Mail.OFF: "{id} ({url}) was switched off: {reason}. No events are delivered to it any more.",
    Endpoint.Mail.PARKED: "Some deliveries to {id} ({url}) failed for three days and are parked.",
}
WAY_OUT = (
    "Put the receiver right, then open Webhooks at {host}: switch the endpoint on and replay what it missed."
)
BATCH = 20

log = structlog.get_logger(__name__)


def mail_due() -> int:
    """Send what owners are still to be told; how many endpoints that were."""
    count = 0
    while count < BATCH and _mail_one():
        count += 1
    return count


@transaction.atomic
def _mail_one() -> bool:
    rows = Endpoint.objects.exclude(mail_due="").select_related("tenant", "customer__user")
    endpoint = rows.select_for_update(skip_locked=True, of=("self",)).order_by("id").first()
    if endpoint is None:
        return False
    kind = Endpoint.Mail(endpoint.mail_due)
    if readers := readers_of(endpoint):
        reason = Endpoint.Off(endpoint.off_reason).label if endpoint.off_reason else ""
        text = TEXTS[kind].format(id=endpoint.public_id, url=endpoint.url, reason=reason)
        host = primary_host(endpoint.tenant) or "the portal"
        message = EmailMessage(SUBJECTS[kind], f"{text}\n\n{WAY_OUT.format(host=host)}\n", bcc=readers)
        message.send()  # when this fails the column stays, and the next sweep tries again
    Endpoint.objects.filter(pk=endpoint.pk).update(mail_due="", was_told=True)
    return True


def readers_of(endpoint: Endpoint) -> list[str]:
    """The customer's login, or the owners of the tenant (of the live one for a test twin)."""
    if endpoint.customer is not None and endpoint.customer.user is not None:
        return [endpoint.customer.user.email]
    return mails_of_owners(endpoint.tenant.live_tenant or endpoint.tenant)
