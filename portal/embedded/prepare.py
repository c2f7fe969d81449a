"""Migrates as the owner and seeds the demo, in one start of Django: `python -m portal.embedded.prepare`."""

import os

import django
from django.core.management import call_command


def main() -> None:
    """Both are repeatable: what is there already stays."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    call_command("migrate", database="owner", verbosity=0, interactive=False)
    call_command("demo")


if __name__ == "__main__":
    main()
