"""Input of the rental pages: bounded, typed, and nothing but what is named here."""

from __future__ import annotations

from django import forms

from accounts.forms import StrictForm
from activations.forms import MAX_PRICE_MICROS, PLAIN_WORDS
from activations.rental_shop import TERMS, USUAL_TERM, term_name
from portal.converters import CanonicalId
from providers.canonical import ANY_SERVICE

KEY = r"^[0-9a-zA-Z_-]{16,64}$"
PRICES = {"min_value": 1, "max_value": MAX_PRICE_MICROS}


class WindowForm(forms.Form):
    """What stands in the window; anything else in the address is not looked at."""

    service = forms.RegexField(f"^{CanonicalId.regex}$", required=False)
    hours = forms.TypedChoiceField(
        choices=[(str(hours), term_name(hours)) for hours in TERMS], coerce=int, required=False
    )
    q = forms.RegexField(PLAIN_WORDS, max_length=60, required=False)

    def read(self) -> tuple[str, int, str]:
        """Service, hours and words; what does not fit its field is as good as none."""
        self.is_valid()
        clean = self.cleaned_data
        return clean.get("service") or ANY_SERVICE.id, clean.get("hours") or USUAL_TERM, clean.get("q") or ""


class RentForm(StrictForm):
    """One click on an offer: the key makes a double click one rental, the price is what was shown."""

    request_key = forms.RegexField(KEY)
    price_micros = forms.IntegerField(**PRICES)
    hours = forms.TypedChoiceField(choices=[(str(hours), "") for hours in TERMS], coerce=int)


class LongerForm(StrictForm):
    """By how much, at the price that was shown (`hours:micro-USD`)."""

    request_key = forms.RegexField(KEY)
    choice = forms.RegexField(r"^[1-9][0-9]{0,2}:[1-9][0-9]{0,10}$")

    def read(self) -> tuple[int, int]:
        hours, price = self.cleaned_data["choice"].split(":")
        return int(hours), int(price)


class OffForm(StrictForm):
    """No longer than it is."""

    off = forms.ChoiceField(choices=[("1", "")])


class CancelForm(StrictForm):
    """What the page promised to pay back."""

    refund_micros = forms.IntegerField(min_value=0, max_value=MAX_PRICE_MICROS)


class PageForm(forms.Form):
    """Which page of past rentals."""

    page = forms.IntegerField(min_value=1, max_value=10_000, required=False)
