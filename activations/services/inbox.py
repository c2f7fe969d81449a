"""Callbacks that were kept (keeping), worked again when their adapter can read them."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import structlog
from django.db import transaction

from activations.services.callbacks import take_callback
from activations.services.covering import uncover
from activations.services.keeping import HINT, UNREADABLE
from portal.encryption import SecretUnreadable
from providers.contract import ProviderError, Refused
from providers.models import Provider
from providers.registry import adapter_for
from webhooks.models import InboxMessage

log = structlog.get_logger(__name__)
AGAIN = (UNREADABLE, HINT)
UNREADABLE_ERRORS = (
    ProviderError, KeyError, ValueError, TypeError, NotImplementedError, SecretUnreadable,
)  # fmt: skip


def work_again(provider: Provider, *, with_hints: bool = False, now: datetime) -> Counter[str]:
    """Read every unreadable callback of a provider with its adapter as it is now, the oldest first; what
    became of them. `with_hints`: also those that only made us ask. Its proof is as old as its arrival; what
    is not proven has no effect, as ever (W3).
    """
    became: Counter[str] = Counter()
    wanted = AGAIN if with_hints else (UNREADABLE,)
    waiting = InboxMessage.objects.filter(provider_id=provider.pk, outcome__in=wanted).exclude(body=b"")
    for message_id in waiting.order_by("id").values_list("pk", flat=True):
        became[_work_again(message_id, provider, now=now)] += 1
    return became


@transaction.atomic
def _work_again(message_id: int, provider: Provider, *, now: datetime) -> str:
    message = InboxMessage.objects.select_for_update().filter(pk=message_id).first()
    if message is None or message.outcome not in AGAIN:  # hints are deleted when their time is over
        return "done before"
    body = uncover(bytes(message.body), provider)
    headers = {name: uncover(value.encode(), provider).decode() for name, value in message.headers.items()}
    try:
        read = adapter_for(provider).read_callback(body=body, headers=headers, now=message.received_at)
    except Refused as error:
        outcome = error.code
    except UNREADABLE_ERRORS as error:
        log.info("callback_still_unreadable", message=message.pk, reason=type(error).__name__)
        return UNREADABLE
    else:
        taken = take_callback(
            provider=provider, callback=read, body=body, headers=headers, is_kept=True, now=now
        )
        outcome = taken.value
    message.outcome, message.processed_at = f"again: {outcome}", now
    message.save(update_fields=["outcome", "processed_at"])
    return outcome
