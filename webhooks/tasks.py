"""Celery entry points of the outbox."""

from __future__ import annotations

from datetime import timedelta

import structlog
from celery import shared_task
from django.conf import settings
from django.utils import timezone

from webhooks.retention import forget_deliveries
from webhooks.services import dispatch_due
from webhooks.services.delivering import deliver_due
from webhooks.services.mails import mail_due

log = structlog.get_logger(__name__)


@shared_task(ignore_result=True)
def dispatch_due_events() -> None:
    """Hand waiting events to their receivers. Running it twice changes nothing."""
    dispatch_due(now=timezone.now())


@shared_task(ignore_result=True)
def deliver_due_webhooks() -> None:
    """Send the deliveries whose time has come. Running it twice sends nothing twice."""
    deliver_due(now=timezone.now())


@shared_task(ignore_result=True)
def mail_about_endpoints() -> None:
    """Tell owners of endpoints that have trouble."""
    mail_due()


@shared_task(ignore_result=True)
def forget_old_deliveries() -> None:
    """Delete deliveries and events that are older than settings.WEBHOOKS_KEPT_DAYS."""
    before = timezone.now() - timedelta(days=settings.WEBHOOKS_KEPT_DAYS)
    deliveries, events = forget_deliveries(before=before)
    log.info("deliveries_forgotten", deliveries=deliveries, events=events)
