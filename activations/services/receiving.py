"""A message that came for a lease: stored once, the code found, both wallets billed (K2, K4; M7, M9, W1).

Nothing here logs a phone, a text or a code (S3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import DataError, IntegrityError

from activations import policy
from activations.codes import MAX_CODE, MAX_SEARCHED, find_code
from activations.database import call
from activations.hints import tell_browser
from providers.contract import Sms
from webhooks.models import public_id

log = structlog.get_logger(__name__)
REPLACEMENT = "\ufffd"
SHOWN = {"billed", "again"}


@dataclass(frozen=True, slots=True)
class Target:
    """The activation that messages belong to, what is needed to read and announce them, and the lease that
    they came for; None: the one that it has.
    """

    id: UUID
    tenant_id: int
    customer_id: int
    hex_id: str
    code_pattern: str
    provider_id: int | None = None
    upstream_ref: str | None = None


class Unstorable(Exception):
    """The database refused a message. Its own words are left out: they would quote the text (S3)."""


def store(function: str, target: Target, **params: Any) -> str:
    """The word of activation_receive or activation_callback. Raises Unstorable."""
    try:
        (word,) = call(function, **params)
    except (DataError, IntegrityError) as error:
        raise Unstorable(f"{target.hex_id}: {type(error).__name__}") from None
    return str(word)


def receive(*, target: Target, sms: Sms, cost_micros: int | None, now: datetime) -> str:
    """Store one message and do what it means, in one transaction and one round trip.

    Returns the word of activations/sql/activation_receive.sql. `cost_micros`: what the provider says that it
    charged, None for "as agreed". Safe to repeat: a message that is known changes nothing.
    """
    params = message_params(target=target, sms=sms, cost_micros=cost_micros, now=now)
    word = store("activation_receive", target, **params)
    announce(target=target, word=word)
    return word


def receive_all(
    *, target: Target, messages: Sequence[Sms], cost_micros: int | None, now: datetime
) -> list[str]:
    """Each message in the order in which it came."""
    return [receive(target=target, sms=sms, cost_micros=cost_micros, now=now) for sms in messages]


def announce(*, target: Target, word: str) -> None:
    """After commit: tell open pages, and log what is out of the ordinary by id only."""
    if word in SHOWN:
        tell_browser(tenant_id=target.tenant_id, customer_id=target.customer_id, hex_id=target.hex_id)
    elif word in {"late", "unrequested"}:
        log.info("message_kept_hidden", activation=target.hex_id, why=word)


def message_params(*, target: Target, sms: Sms, cost_micros: int | None, now: datetime) -> dict[str, Any]:
    """Arguments of activation_receive. Text is bounded and storable; a code that the provider named wins."""
    text, is_cut = storable(sms.text, policy.MAX_TEXT)
    sender, _ = storable(sms.sender, 80)
    named, _ = storable(sms.code.strip(), MAX_CODE)
    return {
        "id": target.id,
        "ref": reference_of(sms),
        "msg_id": public_id("msg_"),
        "kind": sms.kind if sms.kind in {"sms", "voice"} else "sms",
        "sender": sender,
        "text": text,
        "code": named or find_code(storable(sms.text, MAX_SEARCHED)[0], pattern=target.code_pattern),
        "is_cut": is_cut,
        "received_at": sms.received_at or now,
        "cost": cost_micros,
        "now": now,
        "lease_provider": target.provider_id,
        "lease": target.upstream_ref,
    }


def reference_of(sms: Sms) -> str:
    """What tells repeats apart: the provider's id of the message, else a digest of what it says."""
    if sms.upstream_ref:
        return sms.upstream_ref if len(sms.upstream_ref) <= 80 else _digest(sms.upstream_ref)
    return _digest(f"{sms.kind}\0{sms.sender}\0{sms.text}\0{sms.code}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def storable(text: str, limit: int) -> tuple[str, bool]:
    """Text as PostgreSQL takes it, and whether anything was cut or replaced (B7)."""
    kept = text[:limit].replace("\0", REPLACEMENT).encode(errors="replace").decode()
    return kept, kept != text
