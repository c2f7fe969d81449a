"""How a rental is shown to its customer: a frozen card with every word and every yes or no decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2s

from activations.rental_queries import (
    Refund,
    RentalMessageRow,
    RentalRow,
    newest_messages,
    refunds_now,
)
from activations.rental_shop import term_name
from billing.money import dollars
from providers.listings import named_countries, named_services
from providers.models import Country, Service

FEW_MESSAGES, MOST_MESSAGES = 3, 50  # the newest: on a card among others, on a page of its own
DAY = timedelta(days=1)

LABELS = {
    "checking": "Checking",
    "cancelling": "Cancelling",
    "extending": "Extending",
    "waiting": "No SMS yet",
    "received": "Receiving",
}
WAITS = {
    "checking": "We are getting your number. This may take a few minutes; nothing is charged meanwhile.",
    "cancelling": "We are cancelling it. Your money comes back as soon as that is confirmed.",
    "extending": "We are checking the extension with the provider. You are charged once, or not at all.",
    "waiting": "Use the number now. Every SMS will appear here.",
}
ENDS = {"finished": "Ended early", "expired": "Ended", "canceled": "Cancelled"}
REFUSED = {
    "insufficient_balance": "Your balance did not cover the renewal. It is tried again until the end.",
    "max_price_exceeded": "The renewal would cost more than you agreed to. It is tried again until the end.",
}
NOT_RENEWED = "The renewal did not work. It is tried again until the end."


@dataclass(frozen=True, slots=True)
class RentalCard:
    """A rental in words. Amounts are micro-USD, times aware datetimes; `state` is also a CSS class."""

    id: str
    state: str
    label: str
    service_id: str
    service_name: str
    icon: str
    country_id: str
    country_name: str
    iso2: str
    phone: str
    phone_digits: str
    term: str
    price_micros: int
    charged_micros: int
    refund_micros: int
    messages: Sequence[RentalMessageRow]
    messages_count: int
    wait: str
    outcome: str
    is_open: bool
    is_busy: bool
    can_extend: bool
    refund: Refund | None
    auto_renew: str
    renew_refusal: str
    left: str
    created_at: datetime
    ends_at: datetime | None
    ended_at: datetime | None
    version: str

    @property
    def say(self) -> str:
        """What a screen reader says when this card has just changed."""
        if self.is_open and self.messages:
            code = self.messages[0].code
            words = f"your code is {' '.join(code)}" if code else "a message came"
            return f"{self.service_name}: {words}"
        return f"{self.service_name}: {self.wait or self.outcome or self.label}"


def rental_cards(rows: Sequence[RentalRow], *, most: int = FEW_MESSAGES, now: datetime) -> list[RentalCard]:
    """The rows, all of one reseller, as cards with their newest messages and what a cancel of each would pay
    back: four queries for any number of rows.
    """
    if not rows:
        return []
    services = named_services(rows[0].tenant_id, {row.service_id for row in rows})
    countries = named_countries(rows[0].tenant_id, {row.country_id for row in rows})
    messages, refunds = newest_messages(rows, most=most), refunds_now(rows, now=now)
    return [
        _card(row, services[row.service_id], countries[row.country_id], messages.get(row.id, ()),
              refunds.get(row.id), now=now)
        for row in rows
    ]  # fmt: skip


def rental_card(row: RentalRow, *, now: datetime) -> RentalCard:
    """One card with more of its messages."""
    return rental_cards([row], most=MOST_MESSAGES, now=now)[0]


def version_of_rental(row: RentalRow, *, now: datetime) -> str:
    """Changes whenever the card looks different, so that a poll without news is answered without a body."""
    facts = (
        row.lease_state, row.rental_status, row.phone, row.updated_at, row.messages_count, row.extending,
        row.cancel_requested_at, row.ends_at, row.auto_renew, row.is_guarded(now), _left(row, now),
    )  # fmt: skip
    return blake2s(repr(facts).encode(), digest_size=8).hexdigest()


def _state(row: RentalRow) -> str:
    if not row.is_open:
        return "closed"
    if row.is_checking:
        return "checking"
    if row.is_extending:
        return "extending"
    if row.is_cancelling:
        return "cancelling"
    return "received" if row.messages_count else "waiting"


def _card(
    row: RentalRow,
    service: Service,
    country: Country,
    messages: Sequence[RentalMessageRow],
    refund: Refund | None,
    *,
    now: datetime,
) -> RentalCard:
    state = _state(row)
    is_busy = state in ("checking", "extending", "cancelling")
    return RentalCard(
        id=row.rnt_id,
        state=state,
        label=LABELS.get(state) or ENDS[row.rental_status],
        service_id=row.service_id,
        service_name=service.name,
        icon=service.icon or service.id,
        country_id=row.country_id,
        country_name=country.name,
        iso2=country.iso2.upper(),
        phone=row.formatted or (f"+{row.phone}" if row.phone else ""),
        phone_digits=f"+{row.phone}" if row.phone else "",
        term=term_name(row.hours),
        price_micros=row.customer_price_micros,
        charged_micros=row.customer_price_micros - row.customer_refund_micros if not row.is_checking else 0,
        refund_micros=row.customer_refund_micros,
        messages=messages,
        messages_count=row.messages_count,
        wait=WAITS.get(state, ""),
        outcome="" if row.is_open else _outcome(row),
        is_open=row.is_open,
        is_busy=is_busy,
        can_extend=row.is_open and row.can_extend and not is_busy,
        refund=None if is_busy else refund,
        auto_renew=_renewal(row) if row.is_open and row.auto_renew else "",
        renew_refusal=REFUSED.get(row.renew_refusal, NOT_RENEWED) if row.renew_refusal else "",
        left=_left(row, now),
        created_at=row.created_at,
        ends_at=row.ends_at,
        ended_at=row.ended_at,
        version=version_of_rental(row, now=now),
    )


def _outcome(row: RentalRow) -> str:
    back = row.customer_refund_micros
    return f"{ENDS[row.rental_status]}. {f'{dollars(back)} came back.' if back else 'Nothing came back.'}"


def _renewal(row: RentalRow) -> str:
    cap = dollars(row.renew_max_price_micros or 0)
    return f"Renews by {term_name(row.renew_hours or 0)} before it ends, for at most {cap}."


def _left(row: RentalRow, now: datetime) -> str:
    """`6 days 23 h`; empty within the last day, which a countdown shows."""
    if row.ends_at is None or row.ends_at - now < DAY:
        return ""
    left = row.ends_at - now
    days = left.days
    return f"{days} day{'' if days == 1 else 's'} {left.seconds // 3_600} h"
