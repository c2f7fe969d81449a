"""`manage.py demo`: tenants, customers, money, keys and a provider to try the portal with."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from activations.demo import seed
from activations.demo.addresses import Addresses
from providers.contract import ProviderError


class Command(BaseCommand):
    help = "Fill the portal with a demo, once; all logins and keys are written to .state/demo.json."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--file", type=Path, default=settings.BASE_DIR / ".state" / "demo.json")

    def handle(self, **options: Any) -> None:
        try:
            addresses = Addresses.read(settings.PUBLIC_URL, os.environ.get("PORT", ""))
        except ValueError as error:
            raise CommandError("PORT is not a number.") from error
        try:
            seed(
                path=options["file"],
                addresses=addresses,
                sandbox_url=settings.SANDBOX_URL,
                now=timezone.now(),
            )
        except ProviderError as error:
            raise CommandError(f"The sandbox at {settings.SANDBOX_URL} does not sell: {error}") from error
        if not settings.SANDBOX_URL:
            self.stdout.write("SANDBOX_URL is not set: nothing can be bought yet.")
        self.stdout.write(f"Logins and keys: {options['file']}")
