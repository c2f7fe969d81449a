"""Celery's entry points of the API."""

from celery import shared_task
from django.utils import timezone

from api.publishing import publish_due
from api.retail.catalogue import EVERYBODYS
from api.retail.prices import PRICES


@shared_task(ignore_result=True)
def publish_due_lists() -> None:
    """Write the price lists and catalogues whose sources have changed. Running it twice changes nothing."""
    publish_due({shown.topic: shown.writer for shown in (PRICES, EVERYBODYS)}, now=timezone.now())
