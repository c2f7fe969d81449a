"""`manage.py replay_callbacks 3`: callbacks that could not be read, after the adapter was mended;
with `--hints` those as well that were read, but brought nothing by themselves.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from activations.services.inbox import work_again
from providers.models import Provider


class Command(BaseCommand):
    help = "Work the callbacks of a provider that could not be read when they came."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("provider", type=int, help="its number, as the admin shows it")
        parser.add_argument(
            "--hints", action="store_true", help="also those that were read, but only made us ask"
        )

    def handle(self, **options: Any) -> None:
        provider = Provider.objects.filter(public_no=options["provider"]).first()
        if provider is None:
            raise CommandError(f"There is no provider {options['provider']}.")
        became = work_again(provider, with_hints=options["hints"], now=timezone.now())
        for word, count in became.most_common():
            self.stdout.write(f"{word}: {count}")
        if not became:
            self.stdout.write("None of its callbacks waits to be read.")
