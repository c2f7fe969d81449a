"""Tells people what changed about providers: mails to operators and to the owners of a reseller's own
account, and an event for his webhooks. A row that is due is told once; when no mail can be sent it stays due.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction

from accounts.queries import mails_of_operators, mails_of_owners, primary_host
from providers.alert_models import ProviderAlert
from providers.models import Provider, ProviderHealth
from webhooks.models import Event

BATCH = 50
AFTER_FAILURE = timedelta(minutes=1)
State = ProviderHealth.State
# States that somebody must know of; a pause or a daily cap is what somebody wanted.
ALARMING = {State.DEGRADED, State.OUT_OF_FUNDS, State.BAD_CREDENTIALS, State.BANNED}
WORDS, DRAINED = "unmapped_codes", "drained"
SENTENCES = {
    State.OK: "It is asked for numbers again.",
    State.DEGRADED: "Its calls fail or it asks us to wait: the breaker is open. It is tried again by itself.",
    State.OUT_OF_FUNDS: "Our account there is empty. Pay, then resume it.",
    State.BAD_CREDENTIALS: "It does not accept our key any more. Enter a new one.",
    State.BANNED: "It has banned our account for a while.",
    State.PAUSED: "It was paused here.",
    State.SPENT: "Its daily cap is reached.",
    WORDS: "Its price list names words that nobody mapped. They are sold to nobody until somebody does.",
    DRAINED: "Its last running number has ended. It can be switched off or removed.",
}

log = structlog.get_logger(__name__)


def tell_due(*, now: datetime) -> int:
    """Tell what is due; how many changes that were. Any number of these may run."""
    count = 0
    while count < BATCH and _tell_one(now):
        count += 1
    return count


@transaction.atomic
def _tell_one(now: datetime) -> bool:
    due = ProviderAlert.objects.filter(due_at__lte=now).order_by("due_at")
    alert = due.select_for_update(skip_locked=True).first()
    if alert is None:
        return False
    provider = Provider.objects.select_related("tenant__live_tenant").get(pk=alert.provider_id)
    state, before, reason = _words_of(alert)
    try:
        if state not in State.values or {state, before} & ALARMING:
            _mail(provider, state, reason)
    except (OSError, ValueError) as error:  # smtplib's errors are such, too
        log.warning("alert_not_mailed", provider=provider.public_no, error=type(error).__name__)
        ProviderAlert.objects.filter(pk=alert.pk).update(due_at=now + AFTER_FAILURE)
        return True
    if provider.tenant_id is not None:
        payload = {"provider": provider.public_no, "before": before, "state": state, "reason": reason}
        Event.objects.create(tenant_id=provider.tenant_id, type="provider.state_changed", payload=payload)
    ProviderAlert.objects.filter(pk=alert.pk).update(told=alert.current, count=0, told_at=now, due_at=None)
    return True


def _words_of(alert: ProviderAlert) -> tuple[str, str, str]:
    """The state, the one before it, and the reason as they are told."""
    match alert.subject:
        case ProviderAlert.Subject.WORDS:
            return WORDS, "", f"new words: {alert.count}"
        case ProviderAlert.Subject.DRAINED:
            return DRAINED, "draining", ""
    return alert.current, alert.told, alert.reason


def _mail(provider: Provider, state: str, reason: str) -> None:
    """One mail to the operators and, for a reseller's own account, one to his owners."""
    name = " ".join(provider.display_name.split())
    subject = f"Provider {provider.public_no} ({name}): {state.replace('_', ' ')}"
    facts = [SENTENCES[state], f"Reason: {reason.replace('_', ' ')}." if reason else ""]
    path = f"/admin/providers/provider/{provider.pk}/change/"
    readers = [(mails_of_operators(), settings.PUBLIC_URL.rstrip("/"))]
    if provider.tenant is not None:
        shop = provider.tenant.live_tenant or provider.tenant
        host = primary_host(shop)
        readers.append((mails_of_owners(shop), f"https://{host}" if host else ""))
    for addresses, home in readers:
        if addresses:
            text = "\n".join(line for line in (*facts, "", f"{home}{path}") if line or home)
            EmailMessage(subject, f"{text}\n", bcc=addresses).send()
