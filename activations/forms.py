"""Input of the customer's pages: bounded, typed, and nothing but what is named here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from accounts.forms import StrictForm
from activations.reasons import Offered

MAX_PRICE_MICROS = 10_000_000_000
PLAIN_WORDS = r"^[^\x00-\x1f\x7f]*$"
STATUSES = (("", "All"), ("open", "Open"), ("paid", "Code received"), ("free", "No code"))


class OrderForm(StrictForm):
    """One click on an offer: the key makes a double click one order, the price is what was shown."""

    request_key = forms.RegexField(r"^[0-9a-zA-Z_-]{16,64}$")
    price_micros = forms.IntegerField(min_value=1, max_value=MAX_PRICE_MICROS)
    token = forms.RegexField(r"^[0-9a-f]{24}$", required=False)


class SearchForm(forms.Form):
    """Words and an order for lists of what is on sale; anything else in the address is not looked at."""

    q = forms.RegexField(PLAIN_WORDS, max_length=60, required=False)
    by = forms.ChoiceField(choices=[("price", ""), ("stock", ""), ("name", "")], required=False)
    all = forms.ChoiceField(choices=[("1", "")], required=False)


class HistoryForm(forms.Form):
    """The filter of the history and where its page begins (the order that the page follows or precedes)."""

    q = forms.RegexField(PLAIN_WORDS, max_length=40, required=False)
    status = forms.ChoiceField(choices=STATUSES, required=False)
    before = forms.RegexField(r"^[0-9a-f]{24}$", required=False)
    after = forms.RegexField(r"^[0-9a-f]{24}$", required=False)


class ReportForm(StrictForm):
    """What was wrong with a number. Which reasons need a file is said beside each."""

    reason_id = forms.TypedChoiceField(label="What went wrong?", coerce=int)
    message = forms.CharField(
        label="In your words",
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What you did and what you saw.",
    )
    evidence = forms.FileField(
        label="Evidence",
        required=False,
        help_text="A screenshot or recording: jpg, png, webp, pdf, mp4 or zip, 5 MB at most.",
        widget=forms.FileInput(attrs={"accept": ".jpg,.jpeg,.png,.webp,.pdf,.mp4,.zip"}),
    )

    def __init__(self, reasons: Sequence[Offered], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason_id"].choices = [  # type: ignore[attr-defined]
            (one.reason_id, one.name + (" (send evidence)" if one.evidence_required else ""))
            for one in reasons
        ]


class SandboxForm(StrictForm):
    """A message that the sandbox provider shall deliver."""

    number = forms.RegexField(
        r"^\+?[0-9A-Za-z_ ()-]{1,40}$",
        label="Number",
        max_length=40,
        help_text="The phone number, or the order number from the customer's page.",
    )
    sender = forms.RegexField(PLAIN_WORDS, label="Sender", max_length=40, required=False, initial="Test")
    text = forms.CharField(
        label="Text", max_length=2000, widget=forms.Textarea(attrs={"rows": 4}), initial="Your code is 482913"
    )
