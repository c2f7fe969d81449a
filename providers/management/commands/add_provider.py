"""`manage.py add_provider PROTOCOL URL --name NAME (--key-from-env VARIABLE | --key-from-stdin) …`"""

from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Tenant
from portal.errors import ValidationError
from providers.catalogue import sync_offers
from providers.contract import ProviderError
from providers.models import Provider
from providers.registry import ADAPTERS
from providers.services.accounts import draft_provider, open_provider
from providers.services.federation import PORTAL, PREFERRED, draft_portal
from providers.trial import plain_words, try_account


class Command(BaseCommand):
    help = (
        "Add an account at an upstream. Its key is read from a variable or from standard input, never from"
        " the command line, which other users of the machine can see."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("protocol", help=f"one of {', '.join(sorted(ADAPTERS))}; or {PORTAL}:"
                            " another portal like this one, whose protocol is found out")  # fmt: skip
        parser.add_argument("url")
        parser.add_argument("--name", required=True, help="what operators call it")
        key = parser.add_mutually_exclusive_group(required=True)
        key.add_argument("--key-from-env", metavar="VARIABLE")
        key.add_argument("--key-from-stdin", action="store_true")
        parser.add_argument(
            "--callback-secret-from-env",
            metavar="VARIABLE",
            help="what its callbacks are signed with, if it is not the key",
        )
        parser.add_argument(
            "--option", action="append", default=[], metavar="NAME=VALUE", help="lists with commas; repeat it"
        )
        parser.add_argument("--tenant", metavar="SLUG", help="it is this reseller's own account")
        parser.add_argument("--for-tests", action="store_true", help="it sells to test customers only")
        parser.add_argument("--test", action="store_true", help="try it first; add nothing when it refuses")
        parser.add_argument("--sync", action="store_true", help="read its price list now")

    def handle(self, **options: Any) -> None:
        try:
            drafted = _draft(options)
        except ValidationError as error:
            raise CommandError(" ".join(f"{name}: {text}" for name, text in error.details.items())) from error
        if options["protocol"] == PORTAL:
            self.stdout.write(f"It is spoken to in {drafted.protocol} at {drafted.base_url}.")
        if options["test"]:
            trial = try_account(drafted)
            if trial.refusal:
                raise CommandError(f"Nothing was added. {trial.refusal}")
            self.stdout.write(trial.sentence)
        provider = open_provider(drafted, now=timezone.now())
        self.stdout.write(f"Added {provider} as provider {provider.public_no}.")
        if options["sync"]:
            self._sync(provider)

    def _sync(self, provider: Provider) -> None:
        try:
            synced = sync_offers(provider, timezone.now())
        except ProviderError as error:
            raise CommandError(f"Its price list could not be read. {plain_words(error)}") from error
        self.stdout.write(f"{synced.offers} offers.")
        for kind, codes in synced.unmapped.items():
            self.stdout.write(f"No {kind} is mapped for: {', '.join(codes[:20])}")


def _draft(options: dict[str, Any]) -> Provider:
    """Raises ValidationError."""
    is_portal = options["protocol"] == PORTAL
    facts = {
        "secret": _key(options),
        "name": options["name"],
        "options": _options(PREFERRED[0] if is_portal else options["protocol"], options["option"]),
        "tenant": _tenant(options["tenant"]),
        "is_test": options["for_tests"],
        "callback_secret": _variable(options["callback_secret_from_env"]),
    }
    if is_portal:
        return draft_portal(url=options["url"], **facts)
    return draft_provider(protocol=options["protocol"], base_url=options["url"], **facts)


def _key(options: dict[str, Any]) -> str:
    if options["key_from_stdin"]:
        return sys.stdin.readline().strip()
    return _variable(options["key_from_env"])


def _variable(name: str | None) -> str:
    if name is None:
        return ""
    if name not in os.environ:
        raise CommandError(f"The variable {name} is not set.")
    return os.environ[name].strip()


def _options(protocol: str, given: list[str]) -> dict[str, object]:
    """Typed as NAME=VALUE. A name that the protocol does not know stays a text, for the check to name it."""
    known = ADAPTERS[protocol].options if protocol in ADAPTERS else {}
    found: dict[str, object] = {}
    for pair in given:
        name, sign, value = pair.partition("=")
        if not sign or not name or name in found:
            raise CommandError(f"--option {pair}: write NAME=VALUE, each name once.")
        found[name] = known[name].read(value) if name in known else value
    return found


def _tenant(slug: str | None) -> Tenant | None:
    if slug is None:
        return None
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise CommandError(f"There is no reseller {slug!r}.")
    return tenant
