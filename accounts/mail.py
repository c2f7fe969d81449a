"""Sends the mails of the login pages beside the request, so that the answer's time does not tell whether one
was sent (S7). A lost one is asked for again by its reader; nothing else depends on it.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import structlog
from django.core.mail import EmailMessage

log = structlog.get_logger(__name__)
_senders = ThreadPoolExecutor(max_workers=2, thread_name_prefix="mail")


def post(message: EmailMessage) -> Future[None]:
    """Hand a finished mail to a sender thread."""
    return _senders.submit(_send, message)


def _send(message: EmailMessage) -> None:
    try:
        message.send()
    except Exception as error:
        log.warning("mail_not_sent", error=type(error).__name__)
