"""Reading a provider's lease: is it sellable, and on what terms is it ours."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

from activations.phones import clean_phone, format_phone
from activations.services.steps import Terms
from providers.contract import Adapter, Can, Lease

SHORTEST_LIFE = timedelta(seconds=30)
LONGEST_LIFE = timedelta(hours=24)
UNWANTED = "prefix"  # a flaw of the buyer's making: the provider did nothing wrong


class Defaults(Protocol):
    """What holds for an account's numbers when the provider does not say (a Provider or a Candidate)."""

    @property
    def life_seconds(self) -> int: ...
    @property
    def cancel_lock_seconds(self) -> int: ...
    @property
    def check_seconds(self) -> int: ...


class Asked(Protocol):
    """What of an offer is compared with the lease (a Candidate)."""

    @property
    def upstream_operator(self) -> str: ...


def flaw_of(lease: Lease, *, ceiling_micros: int, exclude_prefixes: Iterable[str] = ()) -> str:
    """Why a lease cannot be sold on (U7); empty when it can. A lease without a price costs the ceiling.

    `exclude_prefixes`: beginnings of phones that the buyer does not want, with or without a `+`.
    """
    if lease.cost_micros is not None and not 0 < lease.cost_micros <= ceiling_micros:
        return "price"
    phone = clean_phone(lease.phone)
    if not phone:
        return "phone"
    unwanted = tuple(prefix for one in exclude_prefixes if (prefix := one.lstrip("+")))
    return UNWANTED if phone.startswith(unwanted) else ""


def operator_of(lease: Lease, *, asked: Asked) -> str:
    """The operator whose number it is, in our word; empty: the one that was asked for. Its provider may have
    said nothing, or repeated its own word for the one that we asked for.
    """
    word = lease.operator.strip().casefold()
    if word in ("", "any", asked.upstream_operator.casefold()):
        return ""
    return word[:40]


def is_identified(lease: Lease) -> bool:
    """Whether its reference can be stored and asked about."""
    return 0 < len(lease.upstream_ref) <= 80 and lease.upstream_ref.isprintable()


def terms_of(
    lease: Lease, *, account: Defaults, adapter: Adapter, life_seconds: int | None = None, now: datetime
) -> Terms:
    """The provider's own terms where it named them, bounded; its account's defaults elsewhere, or the
    shorter life that was promised.
    """
    life = timedelta(seconds=min(account.life_seconds, life_seconds or account.life_seconds))
    expire_at = lease.expire_at or now + life
    if not now + SHORTEST_LIFE <= expire_at <= now + LONGEST_LIFE:
        expire_at = now + life
    cancelable_after = lease.cancelable_after or now + timedelta(seconds=account.cancel_lock_seconds)
    can_retry = Can.RETRY in adapter.can
    can_cancel = Can.CANCEL in adapter.can and lease.is_cancelable is not False
    check_at = now + timedelta(seconds=account.check_seconds)
    lists = Can.MESSAGES_IN_LIST in adapter.can
    is_asked = Can.STATUS in adapter.can and not lists
    return Terms(
        formatted=format_phone(clean_phone(lease.phone)),
        expire_at=expire_at,
        cancelable_after=cancelable_after if can_cancel else None,
        is_retriable=can_retry and lease.is_retriable is not False,
        check_at=check_at if is_asked else expire_at,  # a list, or callbacks, tell of all of them meanwhile
        list_at=check_at if lists else None,
        tells_end=Can.TELL_END in adapter.can,
    )
