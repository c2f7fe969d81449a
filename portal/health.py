"""/healthz: this process answers. /readyz: what it needs answers too, and how late its work is (O9)."""

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from redis import Redis
from redis.exceptions import RedisError

from portal.backlog import Backlog, backlog

log = structlog.get_logger(__name__)


def alive(request: HttpRequest) -> HttpResponse:
    """200 while the process can answer at all; asks nobody, so a slow database restarts no container."""
    return HttpResponse("ok\n", content_type="text/plain")


def ready(request: HttpRequest) -> HttpResponse:
    """200 when the database answers, else 503. Redis away and late work are told, but the portal serves."""
    work, redis = _backlog(), _redis_answers()
    state: dict[str, object] = {"database": _word(work is not None), "redis": _word(redis)}
    if work is not None:
        state |= {
            "work": "late" if work.is_late else "ok",
            "oldest_due_seconds": work.oldest_due_seconds,
            "oldest_unknown_order_seconds": work.oldest_unknown_seconds,
            "parked_checks": work.parked,
        }
    response = JsonResponse(state, status=503 if work is None else 200)
    response["Cache-Control"] = "no-store"
    return response


def _word(answers: bool) -> str:
    return "ok" if answers else "away"


def _backlog() -> Backlog | None:
    try:
        return backlog(now=timezone.now())
    except DatabaseError as error:
        log.warning("database_unavailable", exc_info=error)
        return None


def _redis_answers() -> bool:
    client = Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False
    finally:
        client.close()
