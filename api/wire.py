"""What several dialects send in the same way: JSON that no cache keeps, amounts in two decimals, codes."""

from __future__ import annotations

import re
import time

import orjson
from django.http import HttpResponse

from billing.money import cents_down, cents_up
from portal.errors import PortalError

LONGEST_TEXT = 160
BREAKS = re.compile(r"[:\s]+")


def json_response(value: object, *, status: int = 200) -> HttpResponse:
    """JSON for nobody's cache; bytes are sent as they are."""
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    return no_store(HttpResponse(body, status=status, content_type="application/json"))


def no_store(response: HttpResponse) -> HttpResponse:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def retry_after(error: PortalError) -> str:
    """In how many seconds a caller who was too fast may come again."""
    return str(max(1, int(str(error.extra["reset"])) - int(time.time())))


def price_text(micros: int) -> str:
    """Dollars with two decimals that cover `micros`: "0.65"."""
    return cents_text(cents_up(micros))


def balance_text(micros: int) -> str:
    """Dollars with two decimals within `micros`, negative ones too: "-0.05"."""
    return cents_text(cents_down(micros))


def cents_text(cents: int) -> str:
    """Cents as dollars with two decimals."""
    sign, cents = ("-", -cents) if cents < 0 else ("", cents)
    return f"{sign}{cents // 100}.{cents % 100:02d}"


def shown_code(code: str | None, text: str | None) -> str:
    """The code, or where nobody could find one the text on one line (F9)."""
    return code or BREAKS.sub(" ", text or "").strip()[:LONGEST_TEXT]
