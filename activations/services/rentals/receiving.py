"""A message of a rental (N2): stored once, its code found, the customer told. It is never logged (S3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.db import DataError, IntegrityError

from activations.database import call
from activations.hints import tell_browser
from activations.services.receiving import Target, Unstorable, message_params
from providers.contract import Sms

log = structlog.get_logger(__name__)


def receive_rental_messages(*, target: Target, messages: Sequence[Sms], now: datetime) -> list[str]:
    """Each message in the order in which it came; the words of rental_receive. Safe to repeat.

    `target.hex_id` is the rental's public id. Raises Unstorable.
    """
    words = [_receive(target, sms, now=now) for sms in messages]
    if "new" in words:
        tell_browser(tenant_id=target.tenant_id, customer_id=target.customer_id, hex_id=target.hex_id)
    if "late" in words:
        log.info("message_kept_hidden", rental=target.hex_id, why="late")
    return words


def _receive(target: Target, sms: Sms, *, now: datetime) -> str:
    params = message_params(target=target, sms=sms, cost_micros=None, now=now)
    for name in ("cost", "lease", "lease_provider"):  # it is paid for already, and keeps its number
        del params[name]
    try:
        (word,) = call("rental_receive", **params)
    except (DataError, IntegrityError) as error:
        raise Unstorable(f"{target.hex_id}: {type(error).__name__}") from None
    return str(word)
