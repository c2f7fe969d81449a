"""Input of the workbench: bounded, typed, and nothing but what is named here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms

from accounts.forms import StrictForm
from portal.errors import PortalError
from webhooks import payloads
from webhooks.models import Delivery

LARGEST_ID = 2**63 - 1
LONGEST_WINDOW = timedelta(days=31)


class Named(StrictForm):
    """A form that takes a refusal of the service behind it as its own error."""

    def refuse(self, error: PortalError) -> None:
        details: dict[str, str] = getattr(error, "details", {}) or {}
        for name, sentence in details.items():
            self.add_error(name if name in self.fields else None, sentence)
        if not details:
            self.add_error(None, error.text)


class EndpointForm(Named):
    """Where deliveries go and which events they tell of."""

    url = forms.CharField(
        label="Address",
        max_length=500,
        widget=forms.URLInput(
            attrs={"placeholder": "https://hooks.example.com/numbers", "autocomplete": "off"}
        ),
        help_text="https on port 443 or 8443, reachable from the public internet.",
    )
    event_types = forms.MultipleChoiceField(label="Events", widget=forms.CheckboxSelectMultiple)
    is_test = forms.BooleanField(label="For test mode: events of test customers only", required=False)

    def __init__(self, data: Any = None, *, is_customer: bool, has_test: bool, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        dialect = payloads.dialect()
        types = self.fields["event_types"]
        types.choices = list(dialect.types_for(is_customer=is_customer).items())  # type: ignore[attr-defined]
        types.initial = dialect.usual_types(is_customer=is_customer)
        if not has_test:
            del self.fields["is_test"]


class SampleForm(Named):
    """Which event to try out."""

    type = forms.ChoiceField(label="Event")

    def __init__(self, data: Any = None, *, is_customer: bool) -> None:
        super().__init__(data)
        names = payloads.dialect().types_for(is_customer=is_customer)
        self.fields["type"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]


class Moment(forms.DateTimeField):
    """A time of the clock of UTC."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S")

    def __init__(self, label: str) -> None:
        formats = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"]
        super().__init__(label=label, input_formats=formats)


class WindowForm(Named):
    """Which time to deliver once more."""

    start = Moment("From (UTC)")
    end = Moment("Until (UTC)")
    with_delivered = forms.BooleanField(label="Also what arrived before", required=False)

    def __init__(self, data: Any = None, *, now: datetime | None = None) -> None:
        now = now or datetime.now(UTC)
        super().__init__(data, initial={"start": now - timedelta(days=1), "end": now + timedelta(minutes=1)})

    def clean(self) -> Any:
        cleaned = super().clean() or self.cleaned_data
        start, end = cleaned.get("start"), cleaned.get("end")
        if start and end and end - start > LONGEST_WINDOW:
            self.add_error("end", "A window is at most 31 days long.")
        return cleaned


class VerifyForm(Named):
    """What a receiver got, to see whether we signed it."""

    webhook_id = forms.CharField(label="x-webhook-id or webhook-id", max_length=40)
    timestamp = forms.IntegerField(
        label="x-timestamp or webhook-timestamp", min_value=0, max_value=LARGEST_ID
    )
    signature = forms.CharField(label="x-signature or webhook-signature", max_length=400)
    body = forms.CharField(
        label="Body, byte for byte", max_length=20_000, strip=False, widget=forms.Textarea(attrs={"rows": 4})
    )


class ListForm(forms.Form):
    """The filter of the deliveries and where their page begins."""

    state = forms.ChoiceField(choices=[("", "All"), *Delivery.State.choices], required=False)
    before = forms.IntegerField(min_value=1, max_value=LARGEST_ID, required=False)
