"""Amounts: integer micro-USD inside, rounded once on the way out. Prices round up, balances down."""

from __future__ import annotations

CENT = 10_000
DOLLAR = 1_000_000
PPM = 1_000_000


def cents_up(micros: int) -> int:
    """Whole cents that cover `micros`: for prices and charges."""
    return -(-micros // CENT)


def cents_down(micros: int) -> int:
    """Whole cents within `micros`: for balances, negative ones too."""
    return micros // CENT


def round_up(micros: int, step: int) -> int:
    """The smallest multiple of `step` (micro-USD, ≥ 1) that is not below `micros`."""
    return -(-micros // step) * step


def with_markup(micros: int, ppm: int) -> int:
    """`micros` raised by `ppm` millionths; a broken micro-dollar rounds up."""
    return -(-micros * (PPM + ppm) // PPM)


def dollars(micros: int) -> str:
    """For people: `$1.20`, `−$0.05`; more than two decimals only where there are any."""
    sign, micros = ("−", -micros) if micros < 0 else ("", micros)
    fraction = f"{micros % DOLLAR:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}${micros // DOLLAR:,}.{fraction}"
