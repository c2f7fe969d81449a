"""What people type over columns of whole numbers: dollars over micro-USD, percent over millionths."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.db import models
from unfold.widgets import UnfoldAdminDecimalFieldWidget

DOLLAR = 1_000_000
PERCENT = 10_000
UNITS = {"_micros": (DOLLAR, "USD"), "_ppm": (PERCENT, "%")}  # by the end of a column's name


class ScaledField(forms.DecimalField):
    """A number as people type it; cleaned, it is the whole number of `1 / scale` that the column holds.

    `places`: how many digits may follow the point; None: as many as the column can hold.
    """

    def __init__(self, *, scale: int, places: int | None = None, **kwargs: Any) -> None:
        self.scale = scale
        places = len(str(scale)) - 1 if places is None else places
        super().__init__(max_digits=12 + places, decimal_places=places, **kwargs)

    def clean(self, value: Any) -> Any:
        number = super().clean(value)
        return None if number is None else int(number * self.scale)

    def prepare_value(self, value: Any) -> Any:
        return f"{(Decimal(value) / self.scale).normalize():f}" if isinstance(value, int) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


def amount_field(column: models.Field[Any, Any], *, help_text: str = "") -> ScaledField | None:
    """The field for a column that counts micro-USD or millionths; None for any other.

    `help_text` goes before the column's own.
    """
    for ending, (scale, unit) in UNITS.items():
        if isinstance(column, models.IntegerField) and column.name.endswith(ending):
            name = str(column.verbose_name).removesuffix(ending.replace("_", " "))
            return ScaledField(
                scale=scale,
                label=f"{name[:1].upper()}{name[1:]} ({unit})",
                required=not column.blank,
                initial=column.get_default() if column.has_default() else None,
                help_text=help_text or column.help_text,
                widget=UnfoldAdminDecimalFieldWidget,
            )
    return None
