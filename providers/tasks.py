"""Celery entry points of providers."""

import structlog
from celery import shared_task
from celery.signals import worker_ready
from django.utils import timezone

from portal.secrets import unreadable_secrets
from providers.services import sync_all_offers

log = structlog.get_logger(__name__)


@shared_task(ignore_result=True)
def sync_offers_of_all() -> None:
    """Fetch every enabled provider's price list. Running it twice changes nothing."""
    sync_all_offers(now=timezone.now())


@worker_ready.connect
def name_unreadable_secrets(**_: object) -> None:
    """Say in the log of each worker that starts which secrets must be entered again (S5)."""
    for trouble in unreadable_secrets(databases=["default"]):
        log.warning("secret_unreadable", secret=trouble.msg)
