"""Pages of past and present orders, the newest first, as lists over the API show them, at any size.

A page is found in an index alone and only then read; a total is added up from stored counts, so that neither
grows with what a tenant has sold (docs/performance.md, H1-H3).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from activations.database import run
from activations.queries import HIDDEN, SHOWN, Shown, shown_from
from portal.fastlane import fetch_all

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_DAY = datetime(9999, 12, 31, tzinfo=UTC)
SETTLED = timedelta(
    hours=2
)  # by then an order seldom changes; history_counts.sql relies on more than 90 minutes
BEHIND = timedelta(minutes=5)  # how far counting lags before it goes on
TENANTS_AT_ONCE = 50

# One statement for the page and its total: one round trip, and both are of one moment.
PAGE = """
SELECT total.n, page.*
FROM ({total}) AS total (n)
LEFT JOIN (
    SELECT (extract(epoch FROM a.created_at) * 1000000)::bigint AS micros, a.id, owner.external_id, {columns}
    FROM (
        SELECT a.id FROM activations_activation a
        WHERE {where}{after}
        ORDER BY a.created_at DESC, a.id DESC LIMIT {limit:d} OFFSET {offset:d}
    ) AS found
    JOIN activations_activation a ON a.id = found.id
    JOIN accounts_customer owner ON owner.id = a.customer_id
) AS page ON true
ORDER BY page.micros DESC, page.id DESC
"""
# How many orders each stretch of time has, the newest first: it says where a page by number begins.
# A day as it is stored reaches up to the mark; what is newer, or of the asked end's own day, is counted.
STRETCHES = """
WITH m AS (SELECT coalesce(
    (SELECT counted_until FROM activations_historymark WHERE tenant_id = %(tenant)s), %(epoch)s) AS at),
f AS (SELECT CASE WHEN %(before)s >= m.at THEN m.at ELSE %(last_day)s END AS at FROM m)
SELECT %(before)s AS upto, ({counted} AND a.created_at >= (SELECT at FROM f) AND a.created_at < %(before)s)
UNION ALL
SELECT least((SELECT at FROM f), (a.day + 1)::timestamp AT TIME ZONE 'UTC'), sum({stored})::bigint
FROM activations_historycount a
WHERE a.tenant_id = %(tenant)s AND {whose} AND {states}{unreported_count}
    AND (a.day < %(last_day)s::date OR %(before)s >= (SELECT at FROM m))
GROUP BY a.day
ORDER BY 1 DESC
"""
# Stored: whole days below the mark. Counted: the
# parts of days at both ends of the asked span, and what is newer than the mark.
TOTAL = """
WITH m AS (SELECT coalesce(
    (SELECT counted_until FROM activations_historymark WHERE tenant_id = %(tenant)s), %(epoch)s) AS at)
SELECT
    (SELECT coalesce(sum({stored}), 0) FROM activations_historycount a
     WHERE a.tenant_id = %(tenant)s AND {whose} AND {states}{unreported_count}
       AND a.day >= %(first_day)s::date
       AND (a.day < %(last_day)s::date OR %(before)s >= (SELECT at FROM m)))::bigint
    + ({counted} AND a.created_at >= greatest((SELECT at FROM m), %(from)s) AND a.created_at < %(before)s)
    + ({counted} AND a.created_at >= %(from)s
       AND a.created_at < least(%(first_day)s, (SELECT at FROM m), %(before)s))
    + ({counted} AND a.created_at >= greatest(%(last_day)s, %(first_day)s)
       AND a.created_at < CASE WHEN %(before)s < (SELECT at FROM m) THEN %(before)s ELSE %(epoch)s END)
"""
# The same where no span is asked for; half of a total's cost is to plan it.
TOTAL_EVER = """
SELECT
    (SELECT coalesce(sum({stored}), 0) FROM activations_historycount a
     WHERE a.tenant_id = %(tenant)s AND {whose} AND {states}{unreported_count})::bigint
    + ({counted} AND a.created_at >= coalesce(
        (SELECT counted_until FROM activations_historymark WHERE tenant_id = %(tenant)s), %(epoch)s))
"""
DUE = """
SELECT t.id FROM accounts_tenant t
LEFT JOIN activations_historymark m ON m.tenant_id = t.id
WHERE coalesce(m.counted_until, %(epoch)s) < %(before)s AND EXISTS (
    SELECT 1 FROM activations_activation a WHERE a.tenant_id = t.id
        AND a.created_at >= coalesce(m.counted_until, %(epoch)s) AND a.created_at < %(before)s)
ORDER BY m.counted_until NULLS FIRST LIMIT %(most)s
"""
COUNT = "SELECT history_count(%(tenant)s::bigint, %(until)s)"
NOBODYS = "SELECT customer_id FROM activations_contract WHERE tenant_id = %(tenant)s"


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """What a list is narrowed to; empty: everything. `created_from` is included, `created_before` is not."""

    customer_external_id: str | None = None
    sms_status: tuple[str, ...] = ()
    activation_status: tuple[str, ...] = ()
    billing_status: tuple[str, ...] = ()
    created_from: datetime | None = None
    created_before: datetime | None = None
    exclude_reported: bool = False
    exclude_active: bool = False


class Cursor(NamedTuple):
    """The last order of a page; the next page begins after it."""

    created_at: datetime
    id: UUID

    def text(self) -> str:
        """32 characters that mean nothing to anybody else."""
        micros = (self.created_at - EPOCH) // timedelta(microseconds=1)
        return base64.urlsafe_b64encode(micros.to_bytes(8, "big") + self.id.bytes).decode()

    @classmethod
    def read(cls, text: str) -> Cursor | None:
        """None: that is no cursor."""
        try:
            raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
            created_at = EPOCH + timedelta(microseconds=int.from_bytes(raw[:8], "big"))
        except (ValueError, OverflowError):
            return None
        return cls(created_at, UUID(bytes=raw[8:])) if len(raw) == 24 else None


class HistoryPage(NamedTuple):
    """Rows with their customers' external ids, how many there are on all pages, and where the next begins."""

    rows: list[tuple[Shown, str]]
    total: int
    next: Cursor | None


def history_page(
    *,
    tenant_id: int,
    customer_id: int | None = None,
    narrow: HistoryFilter,
    page: int,
    limit: int,
    cursor: Cursor | None = None,
) -> HistoryPage:
    """Page `page` (from 1) of `limit` orders of a tenant's customers, or of one; unsold ones are left out.
    What marketplaces took is in no tenant's list: their accounts are nobody's customers.

    With a cursor: the page after it, whatever `page` says.
    """
    if narrow.customer_external_id is not None:
        customer_id = _customer(tenant_id, narrow.customer_external_id, customer_id)
        if customer_id is None:
            return HistoryPage([], 0, None)
    owners = _owners(tenant_id, customer_id)
    params = _params(tenant_id, owners, narrow)
    skipped, below = 0 if cursor else (page - 1) * limit, None
    if skipped:
        below, skipped = _begin(owners, narrow, params, skipped)
    params |= {**(cursor._asdict() if cursor else {}), "below": below}
    # Limit and offset stand in the statement: a plan made without knowing them sorts a tenth of the table.
    after = _after(narrow, has_cursor=cursor is not None, is_deep=below is not None)
    statement = PAGE.format(
        total=_total(owners, narrow),
        columns=SHOWN,
        where=_where(owners, narrow),
        after=after,
        limit=limit,
        offset=skipped,
    )
    found = fetch_all(statement, params, is_one_of_few=False)
    total, last = found[0][0], found[-1]
    if last[1] is None:
        return HistoryPage([], total, None)
    rows = shown_from(values[4:] for values in found)
    names = [values[3] for values in found]
    following = Cursor(EPOCH + timedelta(microseconds=last[1]), last[2]) if len(found) == limit else None
    return HistoryPage(list(zip(rows, names, strict=True)), total, following)


def history_span(
    *, tenant_id: int, customer_id: int, narrow: HistoryFilter, skip: int, limit: int
) -> tuple[list[Shown], int]:
    """`limit` orders of one customer after the newest `skip`, for lists that count rows instead of pages; and
    how many there are in all.
    """
    page, skipped = divmod(skip, limit)
    rows: list[Shown] = []
    total = 0
    for each in (page + 1, page + 2) if skipped else (page + 1,):
        found = history_page(
            tenant_id=tenant_id, customer_id=customer_id, narrow=narrow, page=each, limit=limit
        )
        rows, total = rows + [row for row, _ in found.rows], found.total
    return rows[skipped : skipped + limit], total


def count_due(*, now: datetime) -> int:
    """Move the marks of tenants whose counting lags; how many were moved. A second run changes nothing."""
    until = now - SETTLED
    params = {"epoch": EPOCH, "before": until - BEHIND, "most": TENANTS_AT_ONCE}
    tenants = fetch_all(DUE, params)
    for (tenant_id,) in tenants:
        run(COUNT, {"tenant": tenant_id, "until": until})
    return len(tenants)


def _customer(tenant_id: int, external_id: str, within: int | None) -> int | None:
    """The customer that a filter names, if he is this tenant's and (where one is given) that very one."""
    found = fetch_all(
        "SELECT id FROM accounts_customer"
        " WHERE tenant_id = %(tenant)s AND external_id = %(external_id)s AND NOT is_internal",
        {"tenant": tenant_id, "external_id": external_id},
    )
    return found[0][0] if found and within in (None, found[0][0]) else None


class _Owners(NamedTuple):
    """Whose orders a list has: one customer's, or all of a tenant without those of `nobodys` accounts."""

    customer_id: int | None
    nobodys: list[int]


def _owners(tenant_id: int, customer_id: int | None) -> _Owners:
    """Asked for beforehand: few tenants sell to marketplaces, and without such a condition a page is found in
    the index alone.
    """
    found = fetch_all(NOBODYS, {"tenant": tenant_id}) if customer_id is None else []
    return _Owners(customer_id, [one for (one,) in found])


def _params(tenant_id: int, owners: _Owners, narrow: HistoryFilter) -> dict[str, Any]:
    start, before = min(narrow.created_from or EPOCH, LAST_DAY), narrow.created_before or LAST_DAY
    first_day = _midnight(start) if start == _midnight(start) else _midnight(start) + timedelta(days=1)
    return {
        "tenant": tenant_id,
        "customer": owners.customer_id,
        "nobodys": owners.nobodys,
        "sms_status": list(narrow.sms_status),
        "activation_status": list(narrow.activation_status),
        "billing_status": list(narrow.billing_status),
        "from": start,
        "before": before,
        "first_day": first_day,
        "last_day": _midnight(before),
        "epoch": EPOCH,
    }


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _begin(
    owners: _Owners, narrow: HistoryFilter, params: dict[str, Any], skipped: int
) -> tuple[datetime, int]:
    """Where the stretch ends that a page lies in, which begins after so many orders; how many of them are in
    that stretch.
    """
    statement = STRETCHES.format(**_words(owners, narrow))
    for upto, count in fetch_all(statement, params, is_one_of_few=False):
        if skipped < count:
            return upto, skipped
        skipped -= count
    return EPOCH, 0


def _after(narrow: HistoryFilter, *, has_cursor: bool, is_deep: bool) -> str:
    conditions = {
        " AND (a.created_at, a.id) < (%(created_at)s, %(id)s)": has_cursor,
        " AND a.created_at < %(below)s": is_deep,
        " AND a.created_at >= %(from)s": narrow.created_from is not None,
        " AND a.created_at < %(before)s": narrow.created_before is not None,
    }
    return "".join(condition for condition, holds in conditions.items() if holds)


def _where(owners: _Owners, narrow: HistoryFilter) -> str:
    """Conditions on the orders of these owners, the span of time aside. Values go through params."""
    whose = " AND a.customer_id <> ALL(%(nobodys)s)" if owners.nobodys else ""
    if owners.customer_id is not None:
        whose = " AND a.customer_id = %(customer)s"
    unreported = " AND a.report_status IS NULL" if narrow.exclude_reported else ""
    return (
        f"a.tenant_id = %(tenant)s{whose} AND a.lease_state <> '{HIDDEN}' AND {_states(narrow)}{unreported}"
    )


def _states(narrow: HistoryFilter) -> str:
    names = ("sms_status", "activation_status", "billing_status")
    asked = [f"a.{name} = ANY(%({name})s)" for name in names if getattr(narrow, name)]
    if narrow.exclude_active:
        asked.append("a.activation_status <> 'active'")
    return " AND ".join(asked) or "true"


def _total(owners: _Owners, narrow: HistoryFilter) -> str:
    is_ever = narrow.created_from is None and narrow.created_before is None
    return (TOTAL_EVER if is_ever else TOTAL).format(**_words(owners, narrow))


def _words(owners: _Owners, narrow: HistoryFilter) -> dict[str, str]:
    """What the statements over stored counts say of the filter. A tenant's counts hold everybody's orders, so
    those of accounts that are nobody's are taken off.
    """
    whose, stored = "a.customer_id IS NULL", "a.count"
    if owners.customer_id is not None:
        whose = "a.customer_id = %(customer)s"
    elif owners.nobodys:
        whose = "(a.customer_id IS NULL OR a.customer_id = ANY(%(nobodys)s))"
        stored = "CASE WHEN a.customer_id IS NULL THEN a.count ELSE -a.count END"
    return {
        "whose": whose,
        "stored": stored,
        "states": _states(narrow),
        "unreported_count": " AND a.report_status = ''" if narrow.exclude_reported else "",
        "counted": f"SELECT count(*) FROM activations_activation a WHERE {_where(owners, narrow)}",  # noqa: S608
    }
