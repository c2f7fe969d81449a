"""Refusals as a buyer reads them, beside the button: a sentence, and where to go from there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from billing.money import dollars
from portal import errors

NOT_NOW = "This is not available right now. Nothing was charged; please try again shortly."


@dataclass(frozen=True, slots=True)
class Refusal:
    """`is_mild`: nothing went wrong, there is only a choice. `confirm`: the button names a new price."""

    text: str
    status: int = 409
    link: str = ""
    link_label: str = ""
    is_mild: bool = False
    confirm: bool = False


def new_price(micros: int) -> Refusal:
    """The price has risen since the page was shown; the button beside it buys at the new one."""
    return Refusal(
        f"The price is now {dollars(micros)}. Nothing was bought; press the button again if that is fine.",
        is_mild=True,
        confirm=True,
    )


def refusal_for(error: errors.PortalError) -> Refusal:
    """Any refusal of an order or of an action on a number. The tenant's own troubles are not named (U6)."""
    match error:
        case errors.InsufficientBalance() if error.extra.get("scope") != "account":
            return Refusal(
                "Your balance does not cover this price. Nothing was bought.",
                status=402,
                link=reverse("activations:wallet"),
                link_label="Look at your wallet",
            )
        case errors.NoNumbers():
            return Refusal(
                "No number could be had here just now. Nothing was charged: try again or elsewhere."
            )
        case errors.TooManyActive():
            return Refusal(
                f"You have {error.extra['active']} open numbers, the most you may have. End one first.",
                link=reverse("activations:numbers"),
                link_label="Go to your numbers",
            )
        case errors.LowSuccessRate():
            return Refusal(
                f"Too few of your last numbers received a code, so buying pauses{_until(error)}.",
                link=reverse("activations:pause"),
                link_label="End the pause",
            )
        case errors.CustomerNotActive():
            return Refusal("Your account cannot buy at the moment. Numbers that are open go on as usual.")
        case errors.EarlyCancel():
            return Refusal(f"It is too early to cancel. You can{_at(error)}.", is_mild=True)
        case errors.NotCancellable() | errors.InvalidState():
            return Refusal(
                "That is no longer possible: the number has moved on, as you see here.", is_mild=True
            )
        case errors.RentalNotCancelable() | errors.OrderInProgress() | errors.InvalidDuration():
            return Refusal(error.text, is_mild=True)
        case errors.RentalNotActive():
            return Refusal(
                "That is no longer possible: this rental cannot be changed any more.", is_mild=True
            )
        case errors.RequestKeyMismatch():
            return Refusal("This page is out of date. Please load it again and buy from there.")
        case errors.UnknownService() | errors.UnknownCountry() | errors.ServiceProhibited():
            return Refusal("This is not on sale any more.")
    return Refusal(NOT_NOW, status=503 if isinstance(error, errors.UpstreamUnavailable) else 409)


def _until(error: errors.PortalError) -> str:
    until = error.extra.get("until")
    return f" until {until:%H:%M} UTC on {until:%-d %B}" if isinstance(until, datetime) else " for a while"


def _at(error: errors.PortalError) -> str:
    at = error.extra.get("at")
    return f" from {at:%H:%M:%S} UTC" if isinstance(at, datetime) else " a little later"
