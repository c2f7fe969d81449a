"""Which lease of a provider's list belongs to which lost order of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from providers.contract import ListedLease

CLOCKS_DIFFER = timedelta(seconds=30)
SOON_AFTER = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Lost:
    """An order whose answer never came, with its current attempt. `upstream_ref`: a lease to be cancelled."""

    id: UUID
    hex_id: str
    tenant_id: int
    customer_id: int
    price_micros: int
    due_price_micros: int
    due_customer_price_micros: int
    provider_id: int
    our_ref: str
    ceiling_micros: int
    started_at: datetime
    empty_lists: int
    upstream_ref: str
    service: str
    country: str
    exclude_prefixes: Sequence[str] = ()
    life_seconds: int | None = None


class Sought(Protocol):
    """What of a lost order or rental is compared with a list."""

    @property
    def our_ref(self) -> str: ...
    @property
    def upstream_ref(self) -> str: ...
    @property
    def service(self) -> str: ...
    @property
    def country(self) -> str: ...
    @property
    def ceiling_micros(self) -> int: ...
    @property
    def started_at(self) -> datetime: ...


def match(
    lost: Sequence[Sought], free: Sequence[ListedLease], *, by_reference: bool
) -> dict[str, ListedLease]:
    """Leases nobody has, by our references. Where the provider keeps none: same service and country, a price
    within the ceiling, made at the time; the oldest order gets the oldest lease, each lease once.
    """
    if by_reference:
        wanted = {row.our_ref for row in lost}
        return {lease.our_ref: lease for lease in free if lease.our_ref in wanted}
    matched: dict[str, ListedLease] = {}
    left = sorted((lease for lease in free if lease.created_at), key=lambda lease: str(lease.created_at))
    for row in sorted(lost, key=lambda row: row.started_at):
        found = next((lease for lease in left if fits(row, lease)), None)
        if found:
            left.remove(found)
            matched[row.our_ref] = found
    return matched


def fits(row: Sought, lease: ListedLease) -> bool:
    """Whether this lease may be that order's, as far as one can tell without a reference."""
    if row.upstream_ref:
        return lease.upstream_ref == row.upstream_ref
    return (
        lease.created_at is not None
        and lease.service == row.service
        and lease.country == row.country
        and (lease.cost_micros or 0) <= row.ceiling_micros
        and row.started_at - CLOCKS_DIFFER <= lease.created_at <= row.started_at + SOON_AFTER
    )
