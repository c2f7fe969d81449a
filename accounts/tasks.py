"""Celery's entry points of accounts."""

from celery import shared_task
from django.utils import timezone

from accounts.sessions import forget_expired


@shared_task(ignore_result=True)
def forget_expired_sessions() -> None:
    """Delete the sessions whose time is over."""
    forget_expired(before=timezone.now())
