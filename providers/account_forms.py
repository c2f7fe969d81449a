"""Input of the pages of a reseller's own accounts."""

from __future__ import annotations

from typing import Any

from django import forms

from providers.option_fields import field_of
from providers.registry import ADAPTERS
from providers.services.accounts import NAME_LENGTH, SECRET_LENGTH, URL_LENGTH
from webhooks.forms import Named

OPTION = "options."  # as refusals name them


def _secret(label: str, hint: str, *, required: bool = True) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=SECRET_LENGTH,
        required=required,
        help_text=hint,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
    )


class AccountForm(Named):
    """An account that speaks one protocol, with the options that the protocol declares."""

    display_name = forms.CharField(label="Name", max_length=NAME_LENGTH, help_text="For you alone.")
    base_url = forms.CharField(
        label="Address",
        max_length=URL_LENGTH,
        widget=forms.URLInput(attrs={"placeholder": "https://api.example.com", "autocomplete": "off"}),
        help_text="https on port 443 or 8443, reachable from the public internet.",
    )
    secret = _secret("Key", "Stored encrypted and never shown again.")
    callback_secret = _secret(
        "Secret of its callbacks",
        "For providers that sign them with another secret; else leave it empty.",
        required=False,
    )
    is_test = forms.BooleanField(label="For test mode: sells to test customers only", required=False)

    def __init__(self, data: Any = None, *, protocol: str, has_test: bool) -> None:
        super().__init__(data)
        self.declared = ADAPTERS[protocol].options
        for name, option in self.declared.items():
            self.fields[OPTION + name] = field_of(name, option)
        if not has_test:
            del self.fields["is_test"]

    @property
    def options(self) -> dict[str, object]:
        """Those that were typed, read as the protocol has them."""
        typed = {name: self.cleaned_data.get(OPTION + name) for name in self.declared}
        return {name: self.declared[name].read(text) for name, text in typed.items() if text}


class KeyForm(Named):
    """Another key."""

    secret = _secret("New key", "It is tried first and not stored when the provider refuses it.")


class PauseForm(Named):
    """Why nothing is to be ordered there."""

    reason = forms.CharField(label="Reason", max_length=200, required=False)
