"""The customer's pages for rentals: the window, running and past ones, one with its messages, its actions."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from accounts.access import CustomerRequest, customer_required
from accounts.forms import button_only, incomplete
from accounts.identity import Buyer
from activations.refusal_texts import Refusal, new_price, refusal_for
from activations.rental_cards import rental_card, rental_cards, version_of_rental
from activations.rental_forms import CancelForm, LongerForm, OffForm, PageForm, RentForm, WindowForm
from activations.rental_queries import (
    RentalRow,
    active_rental_rows,
    refund_now,
    rental_row_by_rnt_id,
    rental_rows,
    terms_of,
)
from activations.rental_shop import TERMS, offer_for_rent, term_name, ways_to_extend, window, wish_to_rent
from activations.services import rentals
from activations.services.rentals.answers import answer_to
from activations.services.request_keys import KeyedRequest
from billing.money import dollars
from portal import errors

PAGE_ROWS = 25
NO_CONTENT = 204
OUT_OF_DATE = "This page was out of date. Please look again and decide anew."


@require_safe
@customer_required
def rent(request: CustomerRequest) -> HttpResponse:
    """Which service, how long, which country?"""
    service_id, hours, words = WindowForm(request.GET).read()
    context = _window(request, service_id=service_id, hours=hours, words=words)
    return _show(request, "rent", "_rent_offers", context)


@require_POST
@customer_required
def take(request: CustomerRequest, service_id: str, country_id: str) -> HttpResponse:
    """One click: rents at the price that was shown, or says why not beside the button."""
    form = RentForm(request.POST)
    if not form.is_valid():
        return incomplete(form)
    asked = form.cleaned_data
    try:
        row = _take(Buyer.of(request.customer), service_id, country_id, **asked)
    except errors.OrderInProgress:
        return _go_to(request, "activations:rentals")  # the first click is being worked on
    except errors.MaxPriceExceeded as rise:
        price = int(str(rise.extra["suggested_micros"]))
        return _refuse(request, service_id, country_id, asked["hours"], new_price(price))
    except errors.PortalError as error:
        return _refuse(request, service_id, country_id, asked["hours"], refusal_for(error))
    return _go_to(request, "activations:rental", row.rnt_id)


def _take(
    buyer: Buyer, service_id: str, country_id: str, *, request_key: str, price_micros: int, hours: int
) -> RentalRow:
    """Rent at today's price unless that is above the one shown. A known key is answered as before (M2, M3).

    Raises MaxPriceExceeded with today's customer price, or the refusals of rent_number.
    """
    now = timezone.now()
    digest = sha256(f"rent|{service_id}|{country_id}|{hours}|{price_micros}".encode()).digest()
    if paid := answer_to(KeyedRequest(buyer, request_key, digest)):
        return paid.rental
    offer = offer_for_rent(buyer, service_id=service_id, country_id=country_id, hours=hours, now=now)
    if offer.price_micros > price_micros:
        raise errors.MaxPriceExceeded(suggested_micros=offer.price_micros)
    try:
        return rentals.rent_number(
            buyer=buyer, wish=wish_to_rent(offer, service_id=service_id, hours=hours),
            request_key=request_key, request_digest=digest, channel="portal", now=now,
        )  # fmt: skip
    except errors.MaxPriceExceeded as refusal:  # the router's word is the tenant's price
        raise errors.NoNumbers() from refusal


@require_safe
@customer_required
def listing(request: CustomerRequest) -> HttpResponse:
    """Everything that runs, then what is past, page by page."""
    form, now, customer = PageForm(request.GET), timezone.now(), request.customer
    form.is_valid()
    page = form.cleaned_data.get("page") or 1
    whose = {"tenant_id": customer.tenant_id, "customer_id": customer.pk}
    past = rental_rows(**whose, only_past=True, skip=(page - 1) * PAGE_ROWS, limit=PAGE_ROWS + 1)
    running = active_rental_rows(**whose) if page == 1 else []
    here = reverse("activations:rentals")
    context = {
        "cards": rental_cards(running, now=now),
        "past": rental_cards(past[:PAGE_ROWS], now=now),
        "newer_url": f"{here}?page={page - 1}" if page > 1 else "",
        "older_url": f"{here}?page={page + 1}" if len(past) > PAGE_ROWS else "",
    }
    return render(request, "activations/rentals.html", context)


@require_safe
@customer_required
def detail(request: CustomerRequest, rnt_id: str) -> HttpResponse:
    """One rental with what came and what was paid."""
    row = _own(request, rnt_id)
    context = {"card": rental_card(row, now=timezone.now()), "terms": terms_of(row)}
    return render(request, "activations/rental.html", context)


@require_safe
@customer_required
def card(request: CustomerRequest, rnt_id: str) -> HttpResponse:
    """One card for htmx; 204 (nothing to swap, focus and selection stay) when it still looks as `seen`."""
    row, now = _own(request, rnt_id), timezone.now()
    if request.GET.get("seen") == version_of_rental(row, now=now):
        return HttpResponse(status=NO_CONTENT)
    return _show_card(request, row)


@require_safe
@customer_required
def longer(request: CustomerRequest, rnt_id: str) -> HttpResponse:
    """By how much, for how much: extending now, or by itself before each end."""
    return _show_longer(request, _own(request, rnt_id))


@require_POST
@customer_required
def extend(request: CustomerRequest, rnt_id: str) -> HttpResponse:
    """N3 at the price that was shown."""
    row, form = _own(request, rnt_id), LongerForm(request.POST)
    if not form.is_valid():
        return incomplete(form)
    hours, price = form.read()
    key = form.cleaned_data["request_key"]
    try:
        rentals.extend_rental(
            buyer=Buyer.of(request.customer), rnt_id=rnt_id, hours=hours, request_key=key,
            request_digest=sha256(f"extend|{rnt_id}|{hours}|{price}".encode()).digest(),
            max_customer_price_micros=price,
        )  # fmt: skip
    except errors.PortalError as error:
        return _show_longer(request, row, refusal=_longer_refusal(error))
    messages.success(request, f"Longer by {term_name(hours)}.")
    return redirect("activations:rental", rnt_id)


@require_POST
@customer_required
def renew(request: CustomerRequest, rnt_id: str) -> HttpResponse:
    """Switch automatic renewal on by the chosen term, or (without one) off."""
    row, wants_off = _own(request, rnt_id), "off" in request.POST
    form = OffForm(request.POST) if wants_off else LongerForm(request.POST)
    if not form.is_valid():
        return incomplete(form)
    hours, price = form.read() if isinstance(form, LongerForm) else (None, None)
    try:
        rentals.set_auto_renew(
            buyer=Buyer.of(request.customer), rnt_id=rnt_id, is_on=not wants_off, hours=hours,
            max_customer_price_micros=price,
        )  # fmt: skip
    except errors.PortalError as error:
        return _show_longer(request, row, refusal=refusal_for(error))
    messages.success(request, "It will end at its time." if wants_off else "It renews by itself from now on.")
    return redirect("activations:rental", rnt_id)


@require_POST
@customer_required
def cancel(request: CustomerRequest, rnt_id: str) -> HttpResponse:
    """N4, if it still pays back at least what the page promised."""
    row, form = _own(request, rnt_id), CancelForm(request.POST)
    if not form.is_valid():
        return incomplete(form)
    back = refund_now(row, now=timezone.now())
    if back is not None and back.customer_micros < form.cleaned_data["refund_micros"]:
        text = f"Only {dollars(back.customer_micros)} would come back by now. Press again if that is fine."
        return _acted(request, row, refusal=Refusal(text, is_mild=True))
    return _act(request, row, rentals.cancel_rental, "The rental is cancelled.")


@require_POST
@customer_required
@button_only
def finish(request: CustomerRequest, rnt_id: str) -> HttpResponse:
    """N5."""
    return _act(request, _own(request, rnt_id), rentals.finish_rental, "The rental is over.")


def _act(request: CustomerRequest, row: RentalRow, do: Any, done: str) -> HttpResponse:
    try:
        changed = do(buyer=Buyer.of(request.customer), rnt_id=row.rnt_id)
    except errors.PortalError as error:
        return _acted(request, _own(request, row.rnt_id), refusal=refusal_for(error))
    return _acted(request, changed, done=done)


def _acted(
    request: CustomerRequest, row: RentalRow, *, done: str = "", refusal: Refusal | None = None
) -> HttpResponse:
    if request.htmx:
        return _show_card(request, row, refusal=refusal)
    if refusal is not None:
        messages.warning(request, refusal.text)
    elif done:
        messages.success(request, done)
    return redirect("activations:rental", row.rnt_id)


def _longer_refusal(error: errors.PortalError) -> Refusal:
    if isinstance(error, errors.MaxPriceExceeded):
        return new_price(int(str(error.extra["suggested_micros"])))
    return refusal_for(error)


def _own(request: CustomerRequest, rnt_id: str) -> RentalRow:
    """The customer's own rental; anybody else's does not exist (404)."""
    customer = request.customer
    row = rental_row_by_rnt_id(tenant_id=customer.tenant_id, customer_id=customer.pk, rnt_id=rnt_id)
    if row is None:
        raise Http404
    return row


def _window(request: CustomerRequest, *, service_id: str, hours: int, words: str = "") -> dict[str, Any]:
    found = window(
        Buyer.of(request.customer), service_id=service_id, hours=hours, words=words, now=timezone.now()
    )
    return {
        "services": found.services,
        "offers": found.countries,
        "service_id": service_id,
        "hours": hours,
        "term": term_name(hours),
        "terms": [(each, term_name(each)) for each in TERMS],
        "words": words,
    }


def _refuse(
    request: CustomerRequest, service_id: str, country_id: str, hours: int, refusal: Refusal
) -> HttpResponse:
    """The offer again, as it is now, with the refusal beside its button."""
    context = _window(request, service_id=service_id, hours=hours)
    shown = next((one for one in context["offers"] if one.country_id == country_id), None)
    context |= {"offer": shown, "refused": country_id, "refusal": refusal}
    if request.htmx:
        template = "activations/_rent_offer.html" if shown else "activations/_offer_gone.html"
        return render(request, template, context, status=refusal.status)
    if not shown:
        messages.error(request, refusal.text)
    return render(request, "activations/rent.html", context, status=refusal.status)


def _show(request: Any, page: str, partial: str, context: dict[str, Any]) -> HttpResponse:
    """The whole page, or for htmx only the part that changed."""
    template = partial if request.htmx and not request.htmx.history_restore_request else page
    response = render(request, f"activations/{template}.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _show_card(request: CustomerRequest, row: RentalRow, refusal: Refusal | None = None) -> HttpResponse:
    """A card by itself, with the balance of the page's head riding along."""
    context = {"card": rental_card(row, now=timezone.now()), "refusal": refusal, "is_extra": True}
    return render(request, "activations/_rental.html", context, status=refusal.status if refusal else 200)


def _show_longer(request: CustomerRequest, row: RentalRow, refusal: Refusal | None = None) -> HttpResponse:
    now = timezone.now()
    try:
        ways = ways_to_extend(Buyer.of(request.customer), rnt_id=row.rnt_id, now=now)
    except errors.PortalError as error:
        ways, refusal = [], refusal or refusal_for(error)
    context = {
        "card": rental_card(row, now=now),
        "ways": ways,
        "request_key": uuid4().hex,
        "refusal": refusal,
    }
    status = refusal.status if refusal else 200
    return render(request, "activations/rental_longer.html", context, status=status)


def _go_to(request: Any, name: str, *ids: str) -> HttpResponse:
    """A redirect that htmx follows with the whole page."""
    if not request.htmx:
        return redirect(name, *ids)
    response = HttpResponse(status=NO_CONTENT)
    response["HX-Redirect"] = reverse(name, args=ids)
    return response
