"""The workbench: endpoints of a reseller or of a customer, and what became of their deliveries."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.forms import button_only
from portal.errors import PortalError
from webhooks import payloads
from webhooks.desk import DeskRequest, workbench
from webhooks.forms import EndpointForm, ListForm, SampleForm, VerifyForm, WindowForm
from webhooks.models import Delivery, Endpoint
from webhooks.queries import attempts_of, deliveries_of, find_delivery
from webhooks.services import endpoints as services
from webhooks.services.replaying import replay, resend, send_sample
from webhooks.verifying import Verdict, verdict_on

PAGE = 25


@require_safe
@workbench()
def index(request: DeskRequest) -> HttpResponse:
    """Every endpoint of the desk and a form for one more."""
    return _show_index(request, _new_form(request))


@require_POST
@workbench(changes=True)
def create(request: DeskRequest) -> HttpResponse:
    """Make an endpoint; its secret is in this answer and nowhere else."""
    form, desk = _new_form(request, request.POST), request.desk
    if form.is_valid():
        asked = form.cleaned_data
        tenant = desk.test_tenant if asked.get("is_test") and desk.test_tenant else desk.tenants[0]
        try:
            endpoint, secret = services.create_endpoint(
                tenant=tenant, customer=desk.customer, url=asked["url"], event_types=asked["event_types"]
            )
        except PortalError as error:
            form.refuse(error)
        else:
            return _show_secret(request, endpoint, secret)
    return _show_index(request, form, status=422)


@require_safe
@workbench()
def detail(request: DeskRequest, endpoint_id: str) -> HttpResponse:
    """One endpoint with its deliveries and tools."""
    return _show_endpoint(request, request.desk.find(endpoint_id))


@require_POST
@workbench(changes=True)
def change(request: DeskRequest, endpoint_id: str) -> HttpResponse:
    endpoint = request.desk.find(endpoint_id)
    form = _change_form(endpoint, request.POST)
    if form.is_valid():
        try:
            services.change_endpoint(endpoint=endpoint, **form.cleaned_data)
        except PortalError as error:
            form.refuse(error)
        else:
            messages.success(request, "Saved. It counts from the next delivery on.")
            return redirect("webhooks:detail", endpoint.public_id)
    return _show_endpoint(request, endpoint, form=form, status=422)


@require_POST
@workbench(changes=True)
@button_only
def rotate(request: DeskRequest, endpoint_id: str) -> HttpResponse:
    """A new secret, in this answer and nowhere else."""
    endpoint = request.desk.find(endpoint_id)
    secret = services.rotate_secret(endpoint=endpoint, now=timezone.now())
    return _show_secret(request, endpoint, secret)


@require_POST
@workbench(changes=True)
@button_only
def switch(request: DeskRequest, endpoint_id: str, state: str) -> HttpResponse:
    """`state`: on or off."""
    endpoint = request.desk.find(endpoint_id)
    if state == "on":
        try:
            services.switch_on(endpoint=endpoint)
        except PortalError as refusal:
            messages.error(request, refusal.text)
        else:
            messages.success(request, "The endpoint is on. Replay the time that it missed.")
    else:
        services.switch_off(endpoint_id=endpoint.pk, reason=Endpoint.Off.BY_HAND, now=timezone.now())
        messages.success(request, "The endpoint is off.")
    return redirect("webhooks:detail", endpoint.public_id)


@require_POST
@workbench(changes=True)
@button_only
def delete(request: DeskRequest, endpoint_id: str) -> HttpResponse:
    services.delete_endpoint(endpoint=request.desk.find(endpoint_id))
    messages.success(request, "The endpoint is gone.")
    return redirect("webhooks:index")


@require_POST
@workbench(changes=True)
def sample(request: DeskRequest, endpoint_id: str) -> HttpResponse:
    """Send an event with invented data."""
    endpoint = request.desk.find(endpoint_id)
    form = SampleForm(request.POST, is_customer=endpoint.customer_id is not None)
    if form.is_valid():
        try:
            sent = send_sample(endpoint=endpoint, type_=form.cleaned_data["type"], now=timezone.now())
        except PortalError as error:
            form.refuse(error)
        else:
            messages.success(request, "The test event is on its way.")
            return redirect("webhooks:delivery", endpoint.public_id, sent.pk)
    return _show_endpoint(request, endpoint, sample_form=form, status=422)


@require_POST
@workbench(changes=True)
def replay_window(request: DeskRequest, endpoint_id: str) -> HttpResponse:
    endpoint = request.desk.find(endpoint_id)
    form = WindowForm(request.POST)
    if form.is_valid():
        try:
            count = replay(endpoint=endpoint, **form.cleaned_data, now=timezone.now())
        except PortalError as error:
            form.refuse(error)
        else:
            messages.success(request, f"Deliveries that will be made again: {count}.")
            return redirect("webhooks:detail", endpoint.public_id)
    return _show_endpoint(request, endpoint, window_form=form, status=422)


@require_POST
@workbench()
def verify(request: DeskRequest, endpoint_id: str) -> HttpResponse:
    """Say whether a signature is ours. Changes nothing; by POST because a body has no place in an address."""
    endpoint = request.desk.find(endpoint_id)
    form = VerifyForm(request.POST)
    if not form.is_valid():
        return _show_endpoint(request, endpoint, verify_form=form, status=422)
    verdict = verdict_on(endpoint=endpoint, **form.cleaned_data, now=timezone.now())
    return _show_endpoint(request, endpoint, verify_form=form, verdict=verdict)


@require_safe
@workbench()
def delivery(request: DeskRequest, endpoint_id: str, delivery_id: int) -> HttpResponse:
    """One delivery: its tries, and what it says with the code covered."""
    endpoint, found = _find_delivery(request, endpoint_id, delivery_id)
    data = payloads.data_of(found.event, found.type, is_customer=endpoint.customer_id is not None)
    context = {
        "endpoint": endpoint,
        "delivery": found,
        "attempts": attempts_of(found)[:50],
        "payload": payloads.shown(found.event, found.type, data) if data is not None else "",
        "may_change": request.desk.may_change,
    }
    return render(request, "webhooks/delivery.html", context)


@require_POST
@workbench(changes=True)
@button_only
def send_again(request: DeskRequest, endpoint_id: str, delivery_id: int) -> HttpResponse:
    endpoint, found = _find_delivery(request, endpoint_id, delivery_id)
    try:
        resend(delivery=found, now=timezone.now())
    except PortalError as error:
        messages.error(request, error.text)
    else:
        messages.success(request, "It is sent again now, under the same event id.")
    return redirect("webhooks:delivery", endpoint.public_id, found.pk)


# --- what the views share ---


def _find_delivery(request: DeskRequest, endpoint_id: str, delivery_id: int) -> tuple[Endpoint, Delivery]:
    endpoint = request.desk.find(endpoint_id)
    found = find_delivery(endpoint, delivery_id)
    if found is None:
        raise Http404("delivery")
    return endpoint, found


def _new_form(request: DeskRequest, data: Any = None) -> EndpointForm:
    desk = request.desk
    return EndpointForm(
        data, is_customer=desk.customer is not None, has_test=desk.test_tenant is not None, auto_id="new_%s"
    )


def _change_form(endpoint: Endpoint, data: Any = None) -> EndpointForm:
    kept = {"url": endpoint.url, "event_types": endpoint.event_types}
    return EndpointForm(data, is_customer=endpoint.customer_id is not None, has_test=False, initial=kept)


def _show_index(request: DeskRequest, form: EndpointForm, status: int = 200) -> HttpResponse:
    context = {
        "endpoints": request.desk.endpoints(),
        "form": form,
        "may_change": request.desk.may_change,
    }
    return render(request, "webhooks/index.html", context, status=status)


def _show_secret(request: DeskRequest, endpoint: Endpoint, secret: str) -> HttpResponse:
    return render(request, "webhooks/secret.html", {"endpoint": endpoint, "secret": secret})


def _show_endpoint(
    request: DeskRequest,
    endpoint: Endpoint,
    *,
    form: EndpointForm | None = None,
    sample_form: SampleForm | None = None,
    window_form: WindowForm | None = None,
    verify_form: VerifyForm | None = None,
    verdict: Verdict | None = None,
    status: int = 200,
) -> HttpResponse:
    chosen = ListForm(request.GET)
    chosen.is_valid()
    state, before = chosen.cleaned_data.get("state") or "", chosen.cleaned_data.get("before")
    rows = list(deliveries_of(endpoint, state=state, before=before)[: PAGE + 1])
    context = {
        "endpoint": endpoint,
        "rows": rows[:PAGE],
        "state": state,
        "states": [("", "All"), *Delivery.State.choices],
        "newer_url": f"?state={state}" if before else "",
        "older_url": f"?state={state}&before={rows[PAGE - 1].pk}" if len(rows) > PAGE else "",
        "form": form or _change_form(endpoint),
        "sample_form": sample_form or SampleForm(is_customer=endpoint.customer_id is not None),
        "window_form": window_form or WindowForm(),
        "verify_form": verify_form or VerifyForm(),
        "verdict": verdict,
        "may_change": request.desk.may_change,
        "now": timezone.now(),
    }
    return render(request, "webhooks/endpoint.html", context, status=status)
