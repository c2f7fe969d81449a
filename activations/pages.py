"""The customer's pages: home, buying, open numbers, history."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from accounts.access import CustomerRequest, customer_required, not_stored
from accounts.forms import button_only, incomplete
from accounts.identity import Buyer
from activations.cards import card_of, cards_of, version_of
from activations.forms import STATUSES, HistoryForm, OrderForm, SearchForm
from activations.own_orders import open_count, page_of
from activations.queries import ActivationRow, active_rows, find_row
from activations.refusal_texts import Refusal, new_price, refusal_for
from activations.report_queries import report_of
from activations.services.closing import cancel, finalize, request_retry
from activations.services.ordering import order_activation
from activations.services.request_keys import KeyedRequest
from activations.storefront import (
    MOST_WANTED,
    ORDERS,
    CountryOnSale,
    at_suggested_price,
    confirmed_offer,
    countries_on_sale,
    offer_of,
    service_of,
    services_on_sale,
    wish_for,
)
from portal import errors

ACTIONS = {"cancel": cancel, "finish": finalize, "retry": request_retry}
DONE = {"cancel": "The number is cancelled.", "finish": "Finished.", "retry": "Waiting for the next SMS."}
WAITING = "The cancellation is on its way."
NO_CONTENT = 204


@require_safe
def home(request: Any) -> HttpResponseBase:
    """The front door: visitors see what is sold, customers go on to their numbers, staff to the admin."""
    if request.user.is_authenticated:
        customer = getattr(request.user, "customer", None)
        if customer is None:
            return not_stored(redirect("admin:index"))
        return not_stored(redirect("activations:numbers" if open_count(customer) else "activations:buy"))
    tenant = request.tenant
    services = services_on_sale(tenant_id=tenant.pk, is_test=tenant.is_test, now=timezone.now())
    return not_stored(render(request, "home.html", {"services": services[:MOST_WANTED]}))


@require_safe
@customer_required
def buy(request: CustomerRequest) -> HttpResponse:
    """Which service?"""
    asked = read(SearchForm(request.GET))
    words, customer = asked["q"].strip(), request.customer
    services = services_on_sale(
        tenant_id=customer.tenant_id, is_test=customer.tenant.is_test, group=customer.group, words=words,
        now=timezone.now(),
    )  # fmt: skip
    is_all = bool(asked["all"]) or len(services) <= MOST_WANTED
    shown = services if words or is_all else services[:MOST_WANTED]
    return show(request, "buy", "_services", {"services": shown, "words": words, "is_all": is_all})


@require_safe
@customer_required
def service(request: CustomerRequest, service_id: str) -> HttpResponse:
    """Which country?"""
    asked = read(SearchForm(request.GET))
    return show(request, "service", "_offers", offers_context(request, service_id, **asked))


@require_POST
@customer_required
def order(request: CustomerRequest, service_id: str, country_id: str) -> HttpResponse:
    """One click: buys at the price that was shown, or says why not beside the button."""
    form = OrderForm(request.POST)
    if not form.is_valid():
        return incomplete(form)
    try:
        place_order(Buyer.of(request.customer), service_id, country_id, **form.cleaned_data)
    except errors.OrderInProgress:
        pass  # the first click is being worked on: its card says so
    except PriceRose as rise:
        return refuse_order(
            request, service_id, country_id, new_price(rise.offer.price_micros), offer=rise.offer
        )
    except errors.PortalError as error:
        return refuse_order(request, service_id, country_id, refusal_for(error))
    return go_to(request, "activations:numbers")


class PriceRose(Exception):
    """The buyer has to agree to the offer's price first."""

    def __init__(self, offer: CountryOnSale) -> None:
        super().__init__()
        self.offer = offer


def place_order(
    buyer: Buyer, service_id: str, country_id: str, *, request_key: str, price_micros: int, token: str
) -> None:
    """Order at today's price unless that is above the one shown. A known key is answered as before (M2, M3).

    Raises PriceRose, or the refusals of order_activation.
    """
    now = timezone.now()
    digest = sha256(f"{service_id}|{country_id}|{price_micros}|{token}".encode()).digest()
    if KeyedRequest(buyer, request_key, digest).answer():
        return
    offer = offer_of(buyer, service_id=service_id, country_id=country_id, now=now)
    if token:
        offer = confirmed_offer(buyer, offer, service_id=service_id, token=token, now=now)
    if offer.price_micros > price_micros:
        raise PriceRose(offer)
    try:
        order_activation(
            buyer=buyer, wish=wish_for(offer, service_id=service_id), request_key=request_key,
            request_digest=digest, channel="portal", now=now,
        )  # fmt: skip
    except errors.MaxPriceExceeded as refusal:
        suggested, token = int(str(refusal.extra["suggested_micros"])), str(refusal.extra["token"])
        dearer = at_suggested_price(
            buyer, offer, service_id=service_id, suggested_micros=suggested, token=token, now=now
        )
        raise PriceRose(dearer) from refusal


def refuse_order(
    request: CustomerRequest, service_id: str, country_id: str, refusal: Refusal, *,
    offer: CountryOnSale | None = None,
) -> HttpResponse:  # fmt: skip
    """The offer again, as it is now (or as given), with the refusal beside its button."""
    context = offers_context(request, service_id)
    offers = [offer if offer and one.country_id == country_id else one for one in context["offers"]]
    shown = next((one for one in offers if one.country_id == country_id), None)
    context |= {"offers": offers, "offer": shown, "refused": country_id, "refusal": refusal}
    if request.htmx:
        template = "activations/_offer.html" if shown else "activations/_offer_gone.html"
        return render(request, template, context, status=refusal.status)
    if not shown:
        messages.error(request, refusal.text)
    return render(request, "activations/service.html", context, status=refusal.status)


@require_safe
@customer_required
def numbers(request: CustomerRequest) -> HttpResponse:
    """Everything open, the newest first."""
    customer = request.customer
    rows = active_rows(tenant_id=customer.tenant_id, customer_id=customer.pk)
    return render(
        request, "activations/numbers.html", {"cards": cards_of(customer, rows, now=timezone.now())}
    )


@require_safe
@customer_required
def detail(request: CustomerRequest, hex_id: str) -> HttpResponse:
    """One order with everything that came."""
    customer, row = request.customer, own_row(request, hex_id)
    found = report_of(tenant_id=customer.tenant_id, customer_id=customer.pk, row=row)
    context = {"card": card_of(customer, row, now=timezone.now()), "report": found and found.report}
    return render(request, "activations/detail.html", context)


@require_safe
@customer_required
def card(request: CustomerRequest, hex_id: str) -> HttpResponse:
    """One card for htmx; 204 (nothing to swap, focus and selection stay) when it still looks as `seen`."""
    row, now = own_row(request, hex_id), timezone.now()
    if request.GET.get("seen") == version_of(row, now=now):
        return HttpResponse(status=NO_CONTENT)
    return show_card(request, row)


@require_POST
@customer_required
@button_only
def act(request: CustomerRequest, hex_id: str, action: str) -> HttpResponse:
    """Cancel, finish, or ask for the next SMS; a refusal stands in the card."""
    if action not in ACTIONS:
        raise Http404
    own_row(request, hex_id)
    try:
        row = ACTIONS[action](buyer=Buyer.of(request.customer), hex_id=hex_id)
    except errors.PortalError as error:
        refusal = refusal_for(error)
        if request.htmx:
            return show_card(request, own_row(request, hex_id), refusal=refusal)
        messages.warning(request, refusal.text)
        return redirect("activations:numbers")
    if request.htmx:
        return show_card(request, row)
    messages.success(request, WAITING if row.is_cancelling else DONE[action])
    return redirect("activations:numbers")


@require_safe
@customer_required
def history(request: CustomerRequest) -> HttpResponse:
    """Every order, page by page."""
    asked = read(HistoryForm(request.GET))
    words, status = asked["q"].strip(), asked["status"]
    page = page_of(request.customer, words=words, status=status, before=asked["before"], after=asked["after"])
    if page is None:
        raise Http404
    kept = {"q": words, "status": status}
    context = {
        "rows": cards_of(request.customer, page.rows, now=timezone.now()),
        "words": words,
        "status": status,
        "statuses": STATUSES,
        "is_filtered": bool(words or status),
        "newer_url": page_url("activations:history", kept, after=page.newer_than),
        "older_url": page_url("activations:history", kept, before=page.older_than),
    }
    return show(request, "history", "_history", context)


def own_row(request: CustomerRequest, hex_id: str) -> ActivationRow:
    """The customer's own order; anybody else's does not exist (404)."""
    customer = request.customer
    row = find_row(tenant_id=customer.tenant_id, hex_id=hex_id, customer_id=customer.pk)
    if row is None:
        raise Http404
    return row


def offers_context(
    request: CustomerRequest, service_id: str, *, q: str = "", by: str = "", **_: str
) -> dict[str, Any]:
    """What the page of a service shows."""
    try:
        chosen = service_of(request.customer.tenant_id, service_id)
    except errors.UnknownService as error:
        raise Http404 from error
    offers = countries_on_sale(
        Buyer.of(request.customer), service_id=service_id, words=q, order_by=by, now=timezone.now()
    )
    shown = {
        "id": chosen.id,
        "name": chosen.name,
        "icon": chosen.icon or chosen.id,
        "warning": chosen.warning,
    }
    return {"service": shown, "offers": offers, "words": q, "order_by": by, "orders": ORDERS}


def read(form: SearchForm | HistoryForm) -> dict[str, str]:
    """The clean values; a value that does not fit its field is as good as none."""
    form.is_valid()
    return {name: form.cleaned_data.get(name) or "" for name in form.fields}


def show(request: Any, page: str, partial: str, context: dict[str, Any]) -> HttpResponse:
    """The whole page, or for htmx only the part that changed."""
    template = partial if request.htmx and not request.htmx.history_restore_request else page
    response = render(request, f"activations/{template}.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def show_card(request: CustomerRequest, row: ActivationRow, refusal: Refusal | None = None) -> HttpResponse:
    """A card by itself, with the balance of the page's head riding along."""
    card = card_of(request.customer, row, now=timezone.now())
    context = {"card": card, "refusal": refusal, "is_extra": True}
    return render(request, "activations/_card.html", context, status=refusal.status if refusal else 200)


def go_to(request: Any, name: str) -> HttpResponse:
    """A redirect that htmx follows with the whole page."""
    if not request.htmx:
        return redirect(name)
    response = HttpResponse(status=NO_CONTENT)
    response["HX-Redirect"] = reverse(name)
    return response


def page_url(name: str, kept: dict[str, str], **edge: str) -> str:
    """The address of a neighbouring page; "" when there is none."""
    if not all(edge.values()):
        return ""
    return f"{reverse(name)}?{urlencode({key: value for key, value in (kept | edge).items() if value})}"
