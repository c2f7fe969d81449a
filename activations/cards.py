"""How an order is shown to its customer: a frozen Card with every word and every yes or no decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2s
from uuid import UUID

from accounts.models import Customer
from activations.masking import MASK, is_masked
from activations.models import Message
from activations.queries import ActivationRow
from activations.reasons import can_report
from billing.money import dollars
from providers.listings import named_countries, named_services
from providers.models import Country, Service

MOST_MESSAGES = 50  # on one card, the newest

LABELS = {
    "checking": "Checking",
    "cancelling": "Cancelling",
    "waiting": "Waiting",
    "again": "Waiting again",
    "received": "Code received",
}
WAITS = {
    "checking": "We are getting your number. This may take a few minutes; nothing is charged meanwhile.",
    "cancelling": "We are cancelling it. Your money is free again as soon as that is confirmed.",
    "waiting": "Use the number now. The SMS will appear here.",
    "again": "Waiting for the next SMS.",
}
ENDS = {
    "finalized": ("Finished", "Finished."),
    "canceled": ("Cancelled", "Cancelled. Nothing was charged."),
    "kept": ("Cancelled", "Cancelled for a fee of {}."),
    "expired": ("Ended", "Its time has run out."),
    "empty": ("No code", "No code came. Nothing was charged."),
    "refunded": ("Refunded", "Your money was given back."),
}
REPORTS = {
    "": "",
    "inReview": "You reported a problem. We are looking at it.",
    "approved": "Your report was granted.",
    "declined": "Your report was declined.",
}
MONEY = {
    "reserved": "{} is set aside and charged when a code arrives.",
    "billed": "{} was charged.",
    "released": "Nothing was charged.",
    "refunded": "{} was charged and given back.",
    "kept": "A cancellation fee of {} was charged.",
}


@dataclass(frozen=True, slots=True)
class Card:
    """An activation in words. Amounts are micro-USD, times aware datetimes; `state` is also a CSS class."""

    id: str
    state: str
    label: str
    service_id: str
    service_name: str
    icon: str
    country_name: str
    iso2: str
    phone: str
    phone_digits: str
    price_micros: int
    charged_micros: int
    fee_micros: int
    billing_status: str
    code: str
    messages: tuple[Message, ...]
    wait: str
    outcome: str
    is_replaced: bool
    is_open: bool
    can_cancel: bool
    can_retry: bool
    can_finish: bool
    can_report: bool
    report: str
    cancel_at: datetime | None
    created_at: datetime
    expire_at: datetime
    ended_at: datetime | None
    version: str

    @property
    def money(self) -> str:
        """What became of the price, in a sentence."""
        if self.billing_status == "released" and self.charged_micros:
            return MONEY["kept"].format(dollars(self.charged_micros))
        return MONEY[self.billing_status].format(dollars(self.price_micros))

    @property
    def cancel_label(self) -> str:
        """What the button says; a fee is told before it is taken."""
        return f"Cancel, fee {dollars(self.fee_micros)}" if self.fee_micros else "Cancel"

    @property
    def say(self) -> str:
        """What a screen reader says when this card has just changed."""
        if self.state == "received" and self.code:
            return f"{self.service_name}: your code is {' '.join(self.code)}"
        if self.is_replaced:
            return f"{self.service_name}: your number was replaced by {' '.join(self.phone_digits)}"
        return f"{self.service_name}: {self.wait or self.outcome or self.label}"


def cards_of(customer: Customer, rows: Sequence[ActivationRow], *, now: datetime) -> list[Card]:
    """The rows as cards with their visible messages: three queries for any number of rows."""
    services = named_services(customer.tenant_id, {row.service_id for row in rows})
    countries = named_countries(customer.tenant_id, {row.country_id for row in rows})
    messages = messages_of(customer, [row.id for row in rows if row.has_code])
    return [
        _card(row, services[row.service_id], countries[row.country_id], messages.get(row.id, ()), now=now)
        for row in rows
    ]


def card_of(customer: Customer, row: ActivationRow, *, now: datetime) -> Card:
    return cards_of(customer, [row], now=now)[0]


def messages_of(customer: Customer, ids: Iterable[UUID]) -> dict[UUID, tuple[Message, ...]]:
    """The visible messages of a customer's activations, the newest first."""
    found: dict[UUID, list[Message]] = defaultdict(list)
    wanted = list(ids)
    if wanted:
        mine = Message.objects.filter(
            tenant_id=customer.tenant_id,
            activation__customer=customer,
            activation_id__in=wanted,
            visible=True,
        )
        for message in mine.order_by("-received_at", "-id"):
            found[message.activation_id].append(message)
    return {key: tuple(rows[:MOST_MESSAGES]) for key, rows in found.items()}


def version_of(row: ActivationRow, *, now: datetime) -> str:
    """Changes whenever the card looks different, so that a poll without news is answered without a body."""
    facts = (
        row.lease_state, row.sms_status, row.activation_status, row.billing_status, row.phone, row.sms_code,
        row.received_at, row.updated_at, row.cancel_requested_at, row.expire_at, row.is_retriable,
        _can_cancel(row, now), row.report_status, can_report(row, now=now),
    )  # fmt: skip
    return blake2s(repr(facts).encode(), digest_size=8).hexdigest()


def state_of(row: ActivationRow) -> str:
    """One word of LABELS, or `closed`."""
    if not row.is_open:
        return "closed"
    if row.is_checking:
        return "checking"
    if row.is_cancelling:
        return "cancelling"
    return {"smsRequested": "waiting", "retryRequested": "again"}.get(row.sms_status, "received")


def _card(
    row: ActivationRow, service: Service, country: Country, messages: tuple[Message, ...], *, now: datetime
) -> Card:
    state = state_of(row)
    label, outcome = _end_of(row) if state == "closed" else (LABELS[state], "")
    is_hidden = is_masked(row.ended_at, now=now)
    is_used = row.is_open and row.has_code and not row.is_cancelling
    kept = row.fee_micros if row.activation_status == "canceled" else 0
    return Card(
        id=row.hex_id,
        state=state,
        label=label,
        service_id=row.service_id,
        service_name=service.name,
        icon=service.icon or service.id,
        country_name=country.name,
        iso2=country.iso2.upper(),
        phone=row.formatted or (f"+{row.phone}" if row.phone else ""),
        phone_digits=f"+{row.phone}" if row.phone else "",
        price_micros=row.customer_price_micros,
        charged_micros=row.customer_price_micros if row.billing_status == "billed" else kept,
        fee_micros=row.fee_micros if row.is_open else 0,
        billing_status=row.billing_status,
        code=(MASK if is_hidden else row.sms_code)
        if row.sms_code and row.sms_status != "retryRequested"
        else "",
        messages=() if is_hidden else messages,
        wait=WAITS.get(state, ""),
        outcome=outcome,
        is_replaced=row.replaced_at is not None and state == "waiting",
        is_open=row.is_open,
        can_cancel=_can_cancel(row, now),
        can_retry=is_used and row.is_retriable and row.sms_status != "retryRequested",
        can_finish=is_used,
        can_report=can_report(row, now=now),
        report=REPORTS[row.report_status or ""],
        cancel_at=row.cancelable_after if state == "waiting" else None,
        created_at=row.created_at,
        expire_at=row.expire_at,
        ended_at=row.ended_at,
        version=version_of(row, now=now),
    )


def _can_cancel(row: ActivationRow, now: datetime) -> bool:
    return state_of(row) == "waiting" and row.cancelable_after is not None and row.cancelable_after <= now


def _end_of(row: ActivationRow) -> tuple[str, str]:
    if row.billing_status == "refunded":
        return ENDS["refunded"]
    if row.activation_status == "expired" and not row.has_code:
        return ENDS["empty"]
    if row.activation_status == "canceled" and row.fee_micros:
        label, sentence = ENDS["kept"]
        return label, sentence.format(dollars(row.fee_micros))
    return ENDS[row.activation_status]
