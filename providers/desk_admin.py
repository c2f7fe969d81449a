"""The upper part of a provider's page in the admin: its state at a glance, charts, last calls, and what rooms
above this one add.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from portal.admin import Figure, dollars, percent, span
from portal.charts import Chart, Series, line_chart
from providers.catalogue.due import NO_PRICES
from providers.desk import Success, days_left, days_until, prices_of, stock_of, success_of
from providers.models import Provider
from providers.traffic import Traffic, traffic_of

FEW_DAYS = 3  # of funds
MANY_FAILURES = 0.1
MICROS = 1_000_000
OUTCOME_DAYS = 7

# Makes a part of the page out of the person's rights and the provider; "" where there is nothing to show.
Panel = Callable[[HttpRequest, Provider, datetime], str]
panels: list[Panel] = []


def desk_of(request: HttpRequest, provider: Any, *, now: datetime) -> dict[str, Any]:
    """What templates/admin/providers/_desk.html shows of a row of `desk.with_funds`."""
    traffic = traffic_of(provider.pk, now=now)
    return {
        "figures": [
            _state(provider, now), _float(provider, now), _days(provider, now), _stock(provider),
            _success(provider), _wait(provider), _answers(traffic), _list(provider, now),
        ],
        "charts": [chart for chart in (_prices(provider, now), _successes(provider, now)) if chart],
        "traffic": traffic,
        "panels": [part for panel in panels if (part := panel(request, provider, now))],
    }  # fmt: skip


def _state(provider: Any, now: datetime) -> Figure:
    health = getattr(provider, "health", None)
    state = health.state if health else "ok"
    if not provider.is_enabled:
        note = "nothing new is ordered; told when its last number ended" if provider.draining_since else "off"
        return Figure("State", "draining" if provider.draining_since else "off", note)
    if health is None or state == "ok":
        failures = health.failures if health else 0
        return Figure("State", "selling", f"failures in a row: {failures}" if failures else "breaker closed")
    until = health.blocked_until
    when = "until somebody resumes it" if until is None else f"for {span(int((until - now).total_seconds()))}"
    note = f"{health.reason or 'no reason given'}, {when}" if until is None or until > now else "tried again"
    return Figure("State", health.get_state_display().lower(), note, is_bad=True)


def _float(provider: Any, now: datetime) -> Figure:
    sync = getattr(provider, "sync", None)
    if sync is None or sync.balance_micros is None:
        return Figure("Funds there", "–", "not known; asked with the price list where the protocol tells it")
    age = span(int((now - sync.balance_at).total_seconds()))
    return Figure("Funds there", dollars(sync.balance_micros), f"{age} ago", is_bad=sync.balance_micros <= 0)


def _days(provider: Any, now: datetime) -> Figure:
    spent = dollars(provider.spent_micros or 0)
    left = days_left(provider, now=now)
    note = f"{spent} spent in the last 7 days"
    if left is None:
        return Figure("Funds last", "–", note)
    return Figure("Funds last", days_text(left), note, is_bad=left < FEW_DAYS)


def _stock(provider: Any) -> Figure:
    stock = stock_of(provider.pk)
    note = f"{stock.offers:,} offers, {stock.services:,} services, {stock.countries:,} countries"
    return Figure("Numbers in stock", f"{stock.numbers:,}", note, is_bad=not stock.numbers)


def _success(provider: Any) -> Figure:
    if not provider.measured_orders:
        return Figure("Success", "–", "no number ended in the last 7 days")
    note = f"{provider.measured_codes:,} of {provider.measured_orders:,} numbers, last 7 days"
    return Figure("Success", percent(provider.measured_codes / provider.measured_orders), note)


def _wait(provider: Any) -> Figure:
    if provider.measured_median is None:
        return Figure("Code after", "–", "no code in the last 7 days")
    note = f"half of the codes; nine of ten within {provider.measured_p90} s"
    return Figure("Code after", f"{provider.measured_median} s", note)


def _answers(traffic: Traffic) -> Figure:
    if not traffic.is_known:
        return Figure("Answers", "–", "not known: Redis is away")
    if not traffic.calls:
        return Figure("Answers", "–", "no call in the last 24 hours")
    failing = traffic.error_rate or 0.0
    note = (f"half of {traffic.calls:,} calls in 24 h; 95 % within {traffic.p95_ms} ms; "
            f"without a usable answer: {failing:.1%}")  # fmt: skip
    return Figure("Answers within", f"{traffic.p50_ms} ms", note, is_bad=failing > MANY_FAILURES)


def _list(provider: Any, now: datetime) -> Figure:
    sync = getattr(provider, "sync", None)
    if sync is None or sync.synced_at is None:
        return Figure("Price list", "never read", sync.trouble if sync else "", is_bad=bool(sync))
    value = f"{span(int((now - sync.synced_at).total_seconds()))} ago"
    is_bad = bool(sync.trouble) and sync.trouble != NO_PRICES
    return Figure(
        "Price list read", value, sync.trouble or f"{sync.offers:,} offers taken over", is_bad=is_bad
    )


def _prices(provider: Any, now: datetime) -> Chart | None:
    days = days_until(now)
    series = [
        Series(f"{one.service_id} {one.country_id}", [None if m is None else m / MICROS for m in one.micros])
        for one in prices_of(provider.pk, days=days)
    ]
    title = "Lowest cost of what is bought most, last 30 days"
    return line_chart(id="prices", title=title, days=days, series=series, write=lambda cost: f"${cost:.3f}")


def _successes(provider: Any, now: datetime) -> Chart | None:
    days = days_until(now, count=OUTCOME_DAYS)
    shares = [_share(one) for one in success_of(provider.pk, days=days)]
    title = "Numbers that received a code, by the day they ended"
    return line_chart(id="success", title=title, days=days, series=[Series("success", shares)],
                      write=lambda share: f"{share:.0%}", highest=1.0)  # fmt: skip


def _share(one: Success) -> float | None:
    return one.codes / one.orders if one.orders else None


def days_text(days: float) -> str:
    """A number of days for people."""
    return f"{days:.1f} days" if days < 10 else f"{days:,.0f} days"
