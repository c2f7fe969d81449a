"""Celery entry points of providers."""

import structlog
from celery import shared_task
from celery.signals import worker_ready
from django.utils import timezone

from portal.secrets import unreadable_secrets
from providers.catalogue.due import sync_due
from providers.catalogue.pruning import prune_charts, prune_offers
from providers.services.alerting import tell_due

log = structlog.get_logger(__name__)


@shared_task(ignore_result=True)
def sync_due_catalogues() -> None:
    """Read the price lists whose time has come. Running it twice changes nothing."""
    sync_due(timezone.now)


@shared_task(ignore_result=True)
def tell_of_changes() -> None:
    """Tell operators and owners what changed about providers. Running it twice tells nothing twice."""
    tell_due(now=timezone.now())


@shared_task(ignore_result=True)
def prune_old_charts() -> None:
    """Forget what charts no longer show, and offers under price ids of old. Running it twice changes
    nothing.
    """
    now = timezone.now()
    prune_offers(now=now)
    prune_charts(today=now.date())


@worker_ready.connect
def name_unreadable_secrets(**_: object) -> None:
    """Say in the log of each worker that starts which secrets must be entered again (S5)."""
    for trouble in unreadable_secrets(databases=["default"]):
        log.warning("secret_unreadable", secret=trouble.msg)
