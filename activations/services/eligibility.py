"""Whether a buyer may order at all; the first failure is the answer (docs/protocols/retail.md, A1)."""

from __future__ import annotations

from datetime import datetime

from accounts.identity import Buyer
from activations import policy
from activations.queries import active_rows
from portal import errors


def check_buyer(buyer: Buyer, *, now: datetime) -> None:
    """Raises CustomerNotActive, AccountBlocked or LowSuccessRate. The active limit is checked under the
    lock.
    """
    check_account(buyer, now=now)
    if buyer.blocked_until and buyer.blocked_until > now:
        raise errors.LowSuccessRate(until=buyer.blocked_until)


def check_account(buyer: Buyer, *, now: datetime) -> None:
    """Whether he may spend money at all. Raises CustomerNotActive or AccountBlocked."""
    if buyer.customer_status != "active":
        raise errors.CustomerNotActive(status=buyer.customer_status)
    if buyer.tenant_status != "active":
        raise errors.AccountBlocked(until=None)
    if buyer.tenant_blocked_until and buyer.tenant_blocked_until > now:
        raise errors.AccountBlocked(until=buyer.tenant_blocked_until)


def check_may_order(buyer: Buyer, *, now: datetime) -> None:
    """The same and the active limit, without a lock: for a request that cannot succeed anyway, so that what
    hinders the buyer himself is named before what is wrong with his request. Raises TooManyActive as well.
    """
    check_buyer(buyer, now=now)
    limit = policy.ACTIVE_LIMIT if buyer.max_active is None else buyer.max_active
    active = len(active_rows(tenant_id=buyer.tenant_id, customer_id=buyer.customer_id))
    if active >= limit:
        raise errors.TooManyActive(limit=limit, active=active)
