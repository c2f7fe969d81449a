"""What happens at both ends of every request, cut down to what a web process needs.

Django looks at every database alias twice per request; ours serve one. A poll is short enough to notice.
"""

from __future__ import annotations

from django.conf import settings
from django.core.cache import close_caches
from django.core.handlers.base import reset_urlconf
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, reset_queries


def lighten_requests() -> None:
    """Replace Django's receivers: the default connection is given back at the end, and that is all."""
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    request_finished.disconnect(close_caches)  # Redis clients share a pool; there is nothing to close
    request_finished.disconnect(reset_urlconf)  # the next request names the same one
    if not settings.DEBUG:
        request_started.disconnect(reset_queries)
    request_finished.connect(give_back)


def give_back(**_: object) -> None:
    """Return the connection to its pool, or drop one that is broken or too old."""
    if connection.connection is not None:
        connection.close_if_unusable_or_obsolete()
