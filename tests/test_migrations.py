"""Migrations say what the models say, and each app has one last migration."""

from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader


def test_the_models_need_no_further_migration(db):
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_no_two_migrations_of_an_app_are_both_the_last():
    assert MigrationLoader(None).detect_conflicts() == {}
