"""`manage.py rotate_secrets`: write every stored secret with the newest key of FIELD_ENCRYPTION_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.secrets import rotate_all


class Command(BaseCommand):
    help = "Encrypt stored secrets with the newest key; afterwards older keys may be taken out."

    def handle(self, *args: Any, **options: Any) -> None:
        done, unreadable = rotate_all()
        self.stdout.write(f"Secrets written with the newest key: {done}.")
        for place in unreadable:
            self.stderr.write(self.style.WARNING(f"{place}: no key opens it; enter it again."))
        if unreadable:
            raise CommandError(f"{len(unreadable)} secrets stay as they are: keep the older keys until then.")
