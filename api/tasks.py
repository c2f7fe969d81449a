"""Celery's entry points of the API."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from api.diary import forget_requests
from api.handler.catalogue import EDITIONS as HANDLERS
from api.onlinesim.pushing import push_due
from api.publishing import drop_idle, publish_due
from api.purging import purge_due
from api.rentverify.catalogue import PRICES as RENTVERIFYS
from api.retail.catalogue import CATALOGUE
from api.retail.prices import PRICES

EDITIONS = (*HANDLERS, RENTVERIFYS)
IDLE_AFTER = timedelta(days=30)
NOTED_FOR = timedelta(hours=24)


@shared_task(ignore_result=True)
def publish_due_lists() -> None:
    """Write the price lists and catalogues whose sources have changed. Running it twice changes nothing."""
    publish_due(
        {shown.topic: shown.writer for shown in (PRICES, CATALOGUE)},
        {edition.kind: edition.writer for edition in EDITIONS},
        now=timezone.now(),
    )


@shared_task(ignore_result=True)
def drop_idle_lists() -> None:
    """Delete the price lists of tenants that have not called for a month; nobody need keep writing them."""
    drop_idle(before=timezone.now() - IDLE_AFTER)


@shared_task(ignore_result=True)
def push_to_marketplaces() -> None:
    """Pass messages on to marketplaces. Running it twice sends nothing twice."""
    push_due(now=timezone.now())


@shared_task(ignore_result=True)
def forget_old_requests() -> None:
    """Delete what is noted of requests that are older than a day."""
    forget_requests(before=timezone.now() - NOTED_FOR)


@shared_task(ignore_result=True)
def purge_marked_customers() -> None:
    """Erase the data of customers who were marked for deletion. Running it twice changes nothing."""
    purge_due(now=timezone.now())
