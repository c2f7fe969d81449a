"""The portal's frame: settings, processes, and what every request passes through."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
