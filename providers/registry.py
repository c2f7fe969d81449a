"""Which protocols there are. Adding one is its module and one line here."""

from __future__ import annotations

from django.conf import settings

from providers.adapters.handler import Handler
from providers.adapters.onlinesim import OnlineSim
from providers.adapters.ping import Ping
from providers.adapters.rentverify import RentVerify
from providers.adapters.retail import Retail
from providers.adapters.sandbox import Sandbox
from providers.contract import Account, Adapter, BadOptions
from providers.models import Provider
from providers.secrets import open_secret

ADAPTERS: dict[str, type[Adapter]] = {
    adapter.protocol: adapter for adapter in (Handler, OnlineSim, Ping, RentVerify, Retail, Sandbox)
}


def adapter_for(provider: Provider) -> Adapter:
    """The adapter speaking for a provider's account. Raises KeyError (unknown protocol), SecretUnreadable."""
    account = Account(
        base_url=provider.base_url.rstrip("/"),
        secret=open_secret(bytes(provider.secret_encrypted)),
        callback_secret=open_secret(bytes(provider.callback_secret_encrypted)),
        timeout_seconds=provider.timeout_seconds,
        callback_url=callback_url(provider.callback_token),
        options=provider.options,
        provider_id=provider.pk or 0,
        is_guarded=provider.tenant_id is not None,
    )
    return ADAPTERS[provider.protocol](account)


def check_options(protocol: str, options: object) -> None:
    """Raises BadOptions with a sentence that names the option which cannot be right."""
    if not isinstance(options, dict):
        raise BadOptions('options: an object such as {"rate": "0.0109"}')
    ADAPTERS[protocol](Account(base_url="", secret="", options=options)).check_options()


def callback_url(token: str) -> str:
    """Where a provider sends its callbacks; empty when the portal has no address that it can reach."""
    base = settings.PROVIDER_CALLBACK_BASE_URL
    return f"{base.rstrip('/')}/callbacks/{token}/" if base else ""
