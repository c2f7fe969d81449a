"""Where providers call us: `/callbacks/<token>/`, one address per provider account."""

from __future__ import annotations

from datetime import datetime

import orjson
import structlog
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from activations.services.callbacks import take_callback
from activations.services.inbox import UNREADABLE_ERRORS
from activations.services.keeping import keep_unreadable
from portal.encryption import SecretUnreadable
from providers.contract import Adapter, Refused, Taken, Unwanted
from providers.queries import called_provider
from providers.registry import adapter_for

log = structlog.get_logger(__name__)
MAX_BYTES = 65_536


@csrf_exempt
@require_POST
def callback(request: HttpRequest, token: str) -> HttpResponse:
    """Verify the raw bytes, store, work, answer as the protocol wants it. A repeat changes nothing and hears
    the same again (W1). What the adapter cannot read waits in the inbox for a better one.

    Without effect (usually 401) when the proof is bad, missing or old (W3); 404 for an address that is
    nobody's.
    """
    provider = called_provider(token=token)
    if provider is None:
        return HttpResponse(status=404)
    body = request.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        return HttpResponse(status=413)
    now: datetime = timezone.now()
    try:
        adapter = adapter_for(provider)
    except (KeyError, SecretUnreadable) as error:
        log.warning("callback_unreadable", provider=provider.pk, reason=type(error).__name__)
        return HttpResponse(status=401)
    try:
        read = adapter.read_callback(body=body, headers=request.headers, now=now)
    except Refused as error:
        log.warning("callback_refused", provider=provider.pk, reason=error.code)
        return _answer(adapter, Taken.UNWANTED if isinstance(error, Unwanted) else Taken.UNPROVEN)
    except UNREADABLE_ERRORS as error:
        log.warning("callback_unreadable", provider=provider.pk, reason=type(error).__name__)
        keep_unreadable(provider=provider, body=body, headers=request.headers, now=now)
        return _answer(adapter, Taken.UNPROVEN)
    taken = take_callback(provider=provider, callback=read, body=body, headers=dict(request.headers), now=now)
    return _answer(adapter, taken)


def _answer(adapter: Adapter, taken: Taken) -> HttpResponse:
    answer = adapter.answer_callback(taken)
    if answer.content is None:
        return HttpResponse(status=answer.status)
    return HttpResponse(orjson.dumps(answer.content), status=answer.status, content_type="application/json")
