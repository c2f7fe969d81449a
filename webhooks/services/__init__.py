"""Writes of the outbox: events handed on, endpoints kept, deliveries made."""

from webhooks.services.dispatching import dispatch_due

__all__ = ["dispatch_due"]
