"""allauth's start-up check, without the one rule that does not hold here."""

from __future__ import annotations

from typing import Any

from allauth.account import checks
from django.core.checks import CheckMessage, register, registry

# allauth means unique in the installation; here an e-mail is unique per tenant, and accounts.backends looks
# for it in the host's tenant only.
NOT_HERE = "Using email as a login method requires ACCOUNT_UNIQUE_EMAIL"


def settings_check(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    return [found for found in checks.settings_check(app_configs, **kwargs) if found.msg != NOT_HERE]


def replace_allauths_check() -> None:
    """Run ours in place of allauth's; for AppConfig.ready."""
    registry.registry.registered_checks.discard(checks.settings_check)
    register(settings_check)
