"""A reseller's own accounts at providers: adding one, trying it out, its key, pausing it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.access import MemberRequest, member_required
from accounts.forms import button_only
from accounts.models import Member, Tenant
from portal.errors import ValidationError
from providers import health
from providers.account_forms import AccountForm, KeyForm, PauseForm
from providers.capabilities import capabilities_of
from providers.models import Provider
from providers.queries import accounts_of
from providers.registry import ADAPTERS
from providers.services import accounts
from providers.trial import Trial, try_account

managers = member_required(Member.Role.MANAGER)


@require_safe
@managers
def index(request: MemberRequest) -> HttpResponse:
    """Every account of the reseller and of his test twin, and the protocols of a further one."""
    protocols = sorted((name, kind.label) for name, kind in ADAPTERS.items())
    context = {"accounts": list(accounts_of(request.tenant)), "protocols": protocols, "now": timezone.now()}
    return render(request, "providers/index.html", context)


@require_safe
@managers
def new(request: MemberRequest, protocol: str) -> HttpResponse:
    """What an account of this protocol needs to be told."""
    return _show_form(request, protocol, _form(request, protocol))


@require_POST
@managers
def create(request: MemberRequest, protocol: str) -> HttpResponse:
    """Store the account, then try it: whoever typed a key need not type it again to learn what is wrong."""
    form = _form(request, protocol, request.POST)
    if form.is_valid():
        try:
            provider = _open(request, protocol, form)
        except ValidationError as error:
            form.refuse(error)
        else:
            messages.success(request, f"{provider} is added as no. {provider.public_no}.")
            _tell(request, try_account(provider))
            return redirect("providers:detail", provider.public_no)
    return _show_form(request, protocol, form, status=422)


@require_safe
@managers
def detail(request: MemberRequest, public_no: int) -> HttpResponse:
    """One account: its state, and what can be done about it."""
    return _show(request, _found(request, public_no))


@require_POST
@managers
@button_only
def try_out(request: MemberRequest, public_no: int) -> HttpResponse:
    """Ask for balance and price list; nothing is bought or stored."""
    provider = _found(request, public_no)
    _tell(request, try_account(provider))
    return redirect("providers:detail", provider.public_no)


@require_POST
@managers
def new_key(request: MemberRequest, public_no: int) -> HttpResponse:
    provider = _found(request, public_no)
    form = KeyForm(request.POST)
    if form.is_valid():
        try:
            trial = accounts.rotate_key(
                provider=provider, secret=form.cleaned_data["secret"], now=timezone.now()
            )
        except ValidationError as error:
            form.refuse(error)
        else:
            if not trial.refusal:
                messages.success(request, "The new key is stored. Open numbers go on with it.")
                return redirect("providers:detail", provider.public_no)
            form.add_error("secret", trial.refusal)
    return _show(request, provider, key_form=form, status=422)


@require_POST
@managers
def pause(request: MemberRequest, public_no: int) -> HttpResponse:
    provider = _found(request, public_no)
    form = PauseForm(request.POST)
    if not form.is_valid():
        return _show(request, provider, pause_form=form, status=422)
    health.pause(provider.pk, until=None, reason=form.cleaned_data["reason"], now=timezone.now())
    messages.success(request, "Paused: nothing new is ordered there. Numbers that are open go on.")
    return redirect("providers:detail", provider.public_no)


@require_POST
@managers
@button_only
def resume(request: MemberRequest, public_no: int) -> HttpResponse:
    provider = _found(request, public_no)
    accounts.resume(provider_ids=[provider.pk], now=timezone.now())
    messages.success(request, "Orders go there again, and its price list is read.")
    return redirect("providers:detail", provider.public_no)


def _found(request: MemberRequest, public_no: int) -> Provider:
    """One of the reseller's own accounts; any other does not exist (404)."""
    provider = accounts_of(request.tenant).filter(public_no=public_no).first()
    if provider is None:
        raise Http404("provider")
    return provider


def _twin(request: MemberRequest) -> Tenant | None:
    twin: Tenant | None = getattr(request.tenant, "test_tenant", None)
    return twin


def _form(request: MemberRequest, protocol: str, data: Any = None) -> AccountForm:
    if protocol not in ADAPTERS:
        raise Http404("protocol")
    return AccountForm(data, protocol=protocol, has_test=_twin(request) is not None)


def _open(request: MemberRequest, protocol: str, form: AccountForm) -> Provider:
    asked = form.cleaned_data
    is_test = bool(asked.get("is_test"))
    draft = accounts.draft_provider(
        protocol=protocol,
        base_url=asked["base_url"],
        secret=asked["secret"],
        name=asked["display_name"],
        options=form.options,
        tenant=_twin(request) if is_test else request.tenant,
        is_test=is_test,
        callback_secret=asked["callback_secret"],
    )
    return accounts.open_provider(draft, now=timezone.now())


def _show_form(request: HttpRequest, protocol: str, form: AccountForm, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "protocol": protocol,
        "label": ADAPTERS[protocol].label,
        "abilities": capabilities_of(protocol, {}),
    }
    return render(request, "providers/new.html", context, status=status)


def _show(
    request: HttpRequest,
    provider: Provider,
    *,
    key_form: KeyForm | None = None,
    pause_form: PauseForm | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "account": provider,
        "label": ADAPTERS[provider.protocol].label if provider.protocol in ADAPTERS else provider.protocol,
        "options": sorted(provider.options.items()),
        "abilities": capabilities_of(provider.protocol, provider.options),
        "key_form": key_form or KeyForm(),
        "pause_form": pause_form or PauseForm(),
        "now": timezone.now(),
    }
    return render(request, "providers/account.html", context, status=status)


def _tell(request: HttpRequest, trial: Trial) -> None:
    (messages.error if trial.refusal else messages.success)(request, trial.sentence)
