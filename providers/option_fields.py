"""Form fields of the options that protocols declare, for the admin and for resellers' pages."""

from __future__ import annotations

from typing import Any

from django import forms

from providers.contract import Option, Shape

LONGEST = 10_000  # prices per service and country are an option, too


def field_of(
    name: str, option: Option, *, select: Any = forms.Select, text: Any = forms.TextInput
) -> forms.CharField | forms.ChoiceField:
    """What is typed there `option.read` reads; empty: the option is not set."""
    label = name.replace("_", " ")
    if option.choices and option.shape is Shape.TEXT:
        choices = [("", "–"), *((choice, choice) for choice in option.choices)]
        return forms.ChoiceField(
            label=label, help_text=option.help, required=False, choices=choices, widget=select
        )
    ending = "" if option.shape in (Shape.TEXT, Shape.WHOLE) else " Commas between."
    return forms.CharField(
        label=label, help_text=option.help + ending, required=False, max_length=LONGEST, widget=text
    )
