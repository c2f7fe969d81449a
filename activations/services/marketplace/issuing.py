"""A number for a marketplace: bought like any other, at a price of zero for the contract's account, and then
written down as a sale. Whatever does not become a sale is given back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from activations.database import run
from activations.marketplace_queries import (
    RENT_SERVICE,
    Terms,
    is_at_cap,
    is_selling,
    prices_of,
    stock_of,
)
from activations.models import Contract, NumberRecord, Sale
from activations.queries import ActivationRow
from activations.rental_queries import RentalRow
from activations.services.clock import Clock
from activations.services.ordering import order_activation
from activations.services.rentals.ordering import rent_number
from activations.wish import RentalWish, SaleTerms, Wish
from portal import errors

# The life of an operation, whatever the provider's account says; the marketplace knows it by its number.
LIFE = SaleTerms(life_seconds=900, keeps_number=True)


@dataclass(frozen=True, slots=True)
class Ask:
    """What a marketplace wants, in our ids. `sum` and `currency`: what it pays when it is sold."""

    service_id: str
    country_id: str
    sum: Decimal
    currency: str
    operator: str = "any"
    exclude_prefixes: tuple[str, ...] = ()


def issue_number(terms: Terms, ask: Ask, *, channel: str, now: datetime | None = None) -> Sale:
    """Sell a number for one service. Raises NoNumbers, and whatever ordering raises; then nothing is sold."""
    now = now or timezone.now()
    expected = _acceptable(terms, ask, now=now)
    clock = Clock(now, budget_seconds=settings.MARKETPLACE_ANSWER_SECONDS)
    wish = Wish(
        service_id=ask.service_id,
        country_id=ask.country_id,
        max_price_micros=expected - terms.least_margin_micros,
        customer_price_micros=0,
        operator=ask.operator,
        exclude_prefixes=ask.exclude_prefixes,
    )
    row = order_activation(
        buyer=terms.buyer,
        wish=wish,
        request_key=None,
        channel=channel,
        terms=LIFE,
        budget_seconds=settings.MARKETPLACE_ORDER_SECONDS,
        now=now,
    )
    return _sold(terms, ask, row, expected_micros=expected, clock=clock)


def issue_rental(terms: Terms, ask: Ask, *, channel: str, now: datetime | None = None) -> Sale:
    """Rent a number out until the marketplace ends it; an empty `country_id`: of any country.

    It is rented for the contract's hours and renewed by as much (activations.services.marketplace.leases).
    Raises as `issue_number` does.
    """
    now = now or timezone.now()
    if not terms.rent_hours:
        raise errors.NoNumbers()
    if not ask.country_id:
        ask = _somewhere(terms, ask, now=now)
    expected = _acceptable(terms, ask, now=now)
    clock = Clock(now, budget_seconds=settings.MARKETPLACE_ANSWER_SECONDS)
    wish = RentalWish(
        service_id=ask.service_id,
        country_id=ask.country_id,
        hours=terms.rent_hours,
        max_price_micros=expected - terms.least_margin_micros,
        customer_price_micros=0,
        operator=ask.operator,
        exclude_prefixes=ask.exclude_prefixes,
    )
    row = rent_number(
        buyer=terms.buyer,
        wish=wish,
        request_key=None,
        channel=channel,
        budget_seconds=settings.MARKETPLACE_ORDER_SECONDS,
        now=now,
    )
    return _sold(terms, ask, row, expected_micros=expected, clock=clock)


def _somewhere(terms: Terms, ask: Ask, *, now: datetime) -> Ask:
    """The country with the most numbers for rent among those that the sum covers."""
    found = stock_of(terms, rentals=True, now=now)
    for stock in sorted(found, key=lambda one: -one.total):
        least = prices_of(terms).least(RENT_SERVICE, stock.country_id)
        if least is None or terms.micros_of(least, terms.currency) <= terms.micros_of(ask.sum, ask.currency):
            return Ask(
                RENT_SERVICE, stock.country_id, ask.sum, ask.currency, ask.operator, ask.exclude_prefixes
            )
    raise errors.NoNumbers()


def _acceptable(terms: Terms, ask: Ask, *, now: datetime) -> int:
    """What the sale would bring, in micro-USD. Raises NoNumbers when it may not be made at all."""
    expected = terms.micros_of(ask.sum, ask.currency)
    least = prices_of(terms).least(ask.service_id, ask.country_id)
    if (
        not is_selling(terms, now=now)
        or not terms.sells_in(ask.country_id)
        or expected <= terms.least_margin_micros
        or (least is not None and expected < terms.micros_of(least, terms.currency))
    ):
        raise errors.NoNumbers()
    return expected


def _sold(
    terms: Terms, ask: Ask, row: ActivationRow | RentalRow, *, expected_micros: int, clock: Clock
) -> Sale:
    """The sale of a number that was bought. Raises NoNumbers when it must not be issued after all, and
    UpstreamUnavailable while it is not known whether it was bought; either way it is given back.
    """
    if row.is_checking:
        raise errors.UpstreamUnavailable()
    is_rental = isinstance(row, RentalRow)
    sale = Sale(
        tenant_id=row.tenant_id,
        contract_id=terms.id,
        number=row.num_id,
        activation_id=None if is_rental else row.id,
        rental_id=row.id if is_rental else None,
        phone=row.phone,
        service_id=ask.service_id,
        country_id=ask.country_id,
        sum=ask.sum,
        currency=ask.currency,
        rub_per_usd=terms.rub_per_usd,
        expected_micros=expected_micros,
        created_at=clock.now(),
    )
    try:
        with transaction.atomic():
            if clock.left() <= 0 or not _may_issue(terms, sale):
                _close_unsold(sale)
            sale.save(force_insert=True)
    except IntegrityError:  # it is in an operation already, or was found to be too late
        _write_off(sale)
    if not sale.is_open:
        raise errors.NoNumbers()
    return sale


def _may_issue(terms: Terms, sale: Sale) -> bool:
    """Whether this very number may go to this marketplace now; counts the offer. Under the contract's lock,
    so that the day's cap is kept to the number.
    """
    Contract.objects.select_for_update(no_key=True).get(pk=terms.id)
    if is_at_cap(terms, now=sale.created_at):
        return False
    record = (
        NumberRecord.objects.select_for_update()
        .filter(contract_id=terms.id, phone=sale.phone, service_id=sale.service_id)
        .first()
    )
    if record is None:
        return True
    is_hidden = record.hidden_until is not None and record.hidden_until > sale.created_at
    if record.is_excluded or record.offers_left == 0 or is_hidden:
        return False
    if record.offers_left is not None:
        record.offers_left -= 1
        record.save(update_fields=["offers_left"])
    return True


def _write_off(sale: Sale) -> None:
    sale.pk = None
    _close_unsold(sale)
    try:
        with transaction.atomic():
            sale.save(force_insert=True)
    except IntegrityError:
        pass  # the sweep wrote it off already


def _close_unsold(sale: Sale) -> None:
    """Closed before anybody heard of it; the number goes back at once."""
    sale.state, sale.ending = Sale.State.CANCELED, Sale.Ending.LATE
    sale.ended_at = sale.lease_due_at = sale.created_at


STRAYS = """
INSERT INTO activations_sale (tenant_id, contract_id, number, {column}, phone, service_id, country_id, state,
    ending, sum, currency, rub_per_usd, expected_micros, income_micros, created_at, ended_at, lease_due_at)
SELECT o.tenant_id, c.id, o.num_id, o.id, o.phone, o.service_id, o.country_id, 'canceled', 'late',
    0, c.currency, c.rub_per_usd, 0, 0, o.created_at, %(now)s, %(now)s
FROM activations_contract c
JOIN {table} o ON o.tenant_id = c.tenant_id AND o.customer_id = c.customer_id AND o.{status} = 'active'
WHERE o.lease_state = 'leased' AND o.created_at < %(before)s
  AND NOT EXISTS (SELECT 1 FROM activations_sale s WHERE s.{column} = o.id)
ON CONFLICT DO NOTHING
"""
STRAY_AFTER = timedelta(seconds=20)  # whoever ordered it has long answered by then, or died


def write_off_strays(now: datetime) -> int:
    """Numbers that were bought for a marketplace and that it was never told of: their success came late, or
    the process died. Gives back how many; they are returned by the sweep of leases.
    """
    facts = {"now": now, "before": now - STRAY_AFTER}
    return sum(
        run(STRAYS.format(table=table, column=column, status=status), facts)
        for table, column, status in (
            ("activations_activation", "activation_id", "activation_status"),
            ("activations_rental", "rental_id", "rental_status"),
        )
    )
