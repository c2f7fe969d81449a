"""Money as people read it: prices rounded up to the cent, balances rounded down."""

from __future__ import annotations

from django import template

from billing.money import CENT, cents_down, cents_up, dollars

register = template.Library()


@register.filter
def price(micros: int) -> str:
    """What is asked for or was paid: 119000 → "$0.12"."""
    return dollars(cents_up(micros) * CENT)


@register.filter
def balance(micros: int) -> str:
    """What somebody has: 119000 → "$0.11"."""
    return dollars(cents_down(micros) * CENT)


@register.filter
def signed(micros: int) -> str:
    """A movement: "+$5.00" or "−$0.12"."""
    return f"+{dollars(micros)}" if micros > 0 else dollars(micros)
