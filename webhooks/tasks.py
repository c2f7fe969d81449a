"""Celery entry points of the outbox."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from webhooks.services import dispatch_due
from webhooks.services.delivering import deliver_due
from webhooks.services.mails import mail_due


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
