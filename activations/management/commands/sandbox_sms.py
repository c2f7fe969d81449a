"""`manage.py sandbox_sms ACTIVATION TEXT [--sender S]`"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from activations.services.sandbox import deliver_test_sms
from portal.errors import PortalError


class Command(BaseCommand):
    help = "Makes an SMS arrive at a sandbox number, as its provider would deliver it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("activation", help="any public id of the activation or rental, or its phone")
        parser.add_argument("text")
        parser.add_argument("--sender", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = deliver_test_sms(
                tenant=None, reference=options["activation"], text=options["text"], sender=options["sender"]
            )
        except PortalError as error:
            raise CommandError(error.text) from error
        self.stdout.write(f"sent to {found}")
