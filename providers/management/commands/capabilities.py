"""`manage.py capabilities`: write docs/protocols/capabilities.md from the registry of adapters."""

from typing import Any

from django.core.management.base import BaseCommand

from providers.capabilities import PAGE, capability_page


class Command(BaseCommand):
    help = "Write the table of what each protocol can do to docs/protocols/capabilities.md."
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        PAGE.write_text(capability_page())
        self.stdout.write(f"written: {PAGE.name}")
