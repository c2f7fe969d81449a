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
from portal.encryption import SecretUnreadable
from providers.contract import ProviderError
from providers.queries import called_provider
from providers.registry import adapter_for

log = structlog.get_logger(__name__)
MAX_BYTES = 65_536
DONE = orjson.dumps({"result": "success"})


@csrf_exempt
@require_POST
def callback(request: HttpRequest, token: str) -> HttpResponse:
    """Verify the raw bytes, store, work, answer. A repeat changes nothing and hears 200 again (W1).

    401 without effect when the proof is bad, missing or old (W3); 404 for an address that is nobody's.
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
        read = adapter.read_callback(body=body, headers=request.headers, now=now)
    except ProviderError as error:
        log.warning("callback_refused", provider=provider.pk, reason=error.code)
        return HttpResponse(status=401)
    except (KeyError, ValueError, TypeError, NotImplementedError, SecretUnreadable) as error:
        log.warning("callback_unreadable", provider=provider.pk, reason=type(error).__name__)
        return HttpResponse(status=401)
    take_callback(provider=provider, callback=read, body=body, headers=dict(request.headers), now=now)
    return HttpResponse(DONE, content_type="application/json")
