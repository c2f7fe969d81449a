"""`manage.py sync_providers`: fetch the price lists of all enabled providers now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from providers.catalogue import load_catalogue
from providers.services.syncing import sync_all_offers


class Command(BaseCommand):
    help = "Load the canonical catalogue, then fetch the price list of every enabled provider."

    def handle(self, **options: Any) -> None:
        load_catalogue()
        failed = []
        for provider, synced in sync_all_offers(now=timezone.now()):
            if synced is None:
                failed.append(provider.display_name)
                continue
            if synced.is_refused:
                self.stdout.write(
                    f"{provider}: the list is too short ({synced.offers} after {synced.before})"
                )
                continue
            self.stdout.write(f"{provider}: {synced.offers} offers, {synced.vanished} vanished")
            for kind, codes in synced.unmapped.items():
                self.stdout.write(f"  no {kind} is mapped for: {', '.join(codes[:20])}")
        if failed:
            raise CommandError(f"could not be asked: {', '.join(failed)}")
