"""What people type over money."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from portal.amount_fields import DOLLAR, ScaledField


class LowBalanceField(ScaledField):
    """From where on a balance is low: dollars as typed, micro-USD when clean; empty is None.

    Pages show balances in whole cents, so a limit between two of them could not be told apart from either.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            scale=DOLLAR, places=2, required=False, min_value=Decimal(0), max_value=Decimal(100_000),
            error_messages={
                "invalid": "Low balance: enter an amount in dollars, like 5.00.",
                "min_value": "Low balance: enter an amount from $0 up.",
                **dict.fromkeys(("max_value", "max_whole_digits"), "Low balance: enter at most $100,000."),
                **dict.fromkeys(
                    ("max_decimal_places", "max_digits"),
                    "Low balance: enter whole cents, with two digits after the point at most.",
                ),
            },
            **kwargs,
        )  # fmt: skip
