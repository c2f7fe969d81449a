"""`manage.py check_ledger`: prove every rule of money on this database; exits 1 and names what is wrong."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from activations.services.auditing import CHECKS, breaches


class Command(BaseCommand):
    help = "Check that balances, holds, entries and orders agree. It changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--limit", type=int, default=20, help="breaches named for each rule")

    def handle(self, *args: Any, **options: Any) -> None:
        found = breaches(limit=options["limit"])
        for breach in found:
            self.stderr.write(self.style.ERROR(f"{breach.rule}: {breach.text}"))
        if found:
            raise CommandError(f"The ledger is wrong in {len(found)} places.")
        self.stdout.write(self.style.SUCCESS(f"The ledger is right: {len(CHECKS)} rules hold."))
