"""The guide to the retail API: words of ours, figures and tables of the code. Once as data; the page at
/api/docs/ and the description in the OpenAPI document are two ways of writing it down.

In texts `…` marks code, and an empty line ends a paragraph.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from activations import policy
from activations.reasons import REPORT_WITHIN
from api.auth import SCOPES
from api.retail.lists import LONGEST, USUAL
from api.retail.refusals import meanings
from webhooks.services.delivering import GIVE_UP_AFTER, PAUSES
from webhooks.services.endpoints import OVERLAP
from webhooks.signing import TOLERANCE_SECONDS

VERIFY = f'''\
import hashlib, hmac, time

def is_ours(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """`secret` as it was shown (whsec_…), `body` the raw bytes as they came."""
    sent_at = headers["x-timestamp"]
    signed = f"{{headers['x-webhook-id']}}.{{sent_at}}.".encode() + body
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    is_fresh = abs(time.time() - int(sent_at)) <= {TOLERANCE_SECONDS}
    return is_fresh and any(
        hmac.compare_digest(expected, given) for given in headers["x-signature"].split(",")
    )
'''


@dataclass(frozen=True)
class Table:
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Code:
    text: str


Block = str | Table | Code


@dataclass(frozen=True)
class Section:
    """`name` is its anchor."""

    name: str
    title: str
    blocks: list[Block]


def sections() -> list[Section]:
    """The guide in the order of reading."""
    return [
        Section("bases", "Base addresses", [BASES, *prose(BOTH)]),
        Section("keys", "Keys", [*prose(KEYS)]),
        Section("values", "Money, times and ids", [*prose(VALUES)]),
        Section("repeating", "Repeating safely", [*prose(REPEATING)]),
        Section("errors", "Errors", [*prose(ERRORS), errors_table()]),
        Section("limits", "Limits", [*prose(limits())]),
        Section("lists", "Lists", [*prose(LISTS)]),
        Section("webhooks", "Webhooks", [*prose(WEBHOOKS), Code(VERIFY), *prose(STANDARD)]),
    ]


def prose(text: str) -> Iterator[str]:
    """The paragraphs, each on one line."""
    return (" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))


def errors_table() -> Table:
    rows = [(f"{one.status}", f"`{one.name}`", one.when, one.remedy) for one in meanings()]
    return Table(("Status", "errorName", "When", "What to do"), rows)


def long(time: timedelta) -> str:
    """A length of time in words."""
    seconds = int(time.total_seconds())
    for size, word in ((3600, "hour"), (60, "minute")):
        if seconds >= size and not seconds % size:
            return f"{seconds // size} {word}{'s' if seconds > size else ''}"
    return f"{seconds} seconds"


BASES = Table(
    ("Base", "Keys", "What it sells"),
    [
        ("`/test/api/v1`", "`pk_test_…`", "The sandbox: test money, nobody's numbers, SMS that you send."),
        ("`/api/v1`", "`pk_live_…`", "Real numbers, real money."),
    ],
)
BOTH = """
Both bases have the same addresses. They share nothing: customers, money and numbers of tests are apart
from live ones. Bodies are JSON both ways, with `Content-Type: application/json`.
"""
KEYS = f"""
Send your key in the header `X-Api-Key` with every request. It is a key of your account: it reaches every
customer of yours, so it belongs on your server and never into an app or a web page.

Owners and managers issue keys in the administration, under API keys. A key is shown once. It may be
narrowed to scopes ({", ".join(f"`{scope}`" for scope in SCOPES)}), to networks and to a time; once
revoked it ends with the next request. A program may replace its own key through the API.
"""
VALUES = """
Amounts are whole US cents, as integers. What a customer is to pay is rounded up to a whole cent; balances
are rounded down, so that what is shown can be spent.

An order holds its price: it is part of `total` and of `reserved`. The first SMS turns the hold into a
charge; a cancelled or expired number gives it back. Later SMS on the same number are free.

Times are Unix seconds. `phone` is digits with the country code, `formatted` the same for people. An
integer is an integer: `5.0`, `"5"` and `null` are refused. Fields that we do not know are ignored; ignore
those that you do not know.
"""
REPEATING = f"""
Send an `Idempotency-Key` of your own with each order. When you cannot tell whether an order arrived,
repeat it with the same key and body: within {policy.REQUEST_KEY_LIFE.days} days you get the first answer
again, refusals included, and nothing is bought twice. While the first is still being worked on you hear
409 or 503 with `Retry-After`.

Top-ups carry a `transaction_id`: booked once in your account, refused with 409 the second time. Give them,
and new customers, a key as well and a repeat hears the first answer instead. Such a key counts once in your
account, that of an order once for its customer.
"""
ERRORS = """
A refusal changes nothing and says why: `{"errorName": "…", "errorMessage": "…"}`, sometimes with more
members. Go by the status first, then by the name; messages are for people and may change. Support will
ask for the `X-Request-Id` of the answer.
"""
LISTS = f"""
Lists with pages take `page` and `limit` and tell `pages` and `total`. A customer's lists hold
{USUAL["one"]} lines unless you ask for more, up to {LONGEST["one"]}; those of the account {USUAL["all"]},
up to {LONGEST["all"]}. Filters with several values take them with commas: `status=active,paused`.

Countries, services and prices come with an ETag (`X-ETag` and `ETag`). Send it as `If-None-Match`: an
unchanged list is 304 without a body. Ask for the catalogue every five minutes at most.
"""
WEBHOOKS = f"""
Endpoints are kept at `/webhooks/` or through the API. Each delivery is a POST with `{{"id",
"api_version", "type", "data"}}`. Answer any 2xx within ten seconds and work afterwards. Deliveries come
at least once and in no promised order: drop an `id` that you had before.

What fails is sent again after {", ".join(long(pause) for pause in PAUSES)}. 410 switches the endpoint
off, and so do {GIVE_UP_AFTER.days} days without a success.

Check the signature over the raw body before you read it:
"""
STANDARD = f"""
The headers `webhook-id`, `webhook-timestamp` and `webhook-signature` carry the same for any library of
Standard Webhooks. After a secret was replaced, both secrets sign for {long(OVERLAP)}.
"""


def limits() -> str:
    return f"""
Requests are counted in whole minutes, each call for itself: per customer where the address names one to
act for, else per key. Each operation says its figure. The refusal is 429 with `x-ratelimit-limit`,
`x-ratelimit-remaining`, `x-ratelimit-reset` (Unix seconds) and `Retry-After`.

A customer may have {policy.ACTIVE_LIMIT} active numbers unless agreed otherwise. From
{policy.SUCCESS_FROM_ORDERS} numbers within {long(policy.SUCCESS_WINDOW)} on, at least
{policy.SUCCESS_MIN_PERCENT} % of those that ended must have received a code; below that his orders pause
for {long(policy.SUCCESS_BLOCK)}. The pause can be ended {settings.SELF_UNBLOCKS_PER_DAY} times in 24
hours, on a page or through the API. A number can be reported within {long(REPORT_WITHIN)} of its order.
"""


def markdown() -> str:
    """The guide as the document's description."""
    return "\n\n".join(line for section in sections() for line in _lines(section))


def _lines(section: Section) -> Iterator[str]:
    yield f"## {section.title}"
    for block in section.blocks:
        match block:
            case Table(head, rows):
                cells = [head, ("---",) * len(head), *rows]
                yield "\n".join("| " + " | ".join(row) + " |" for row in cells)
            case Code(text):
                yield f"```python\n{text}```"
            case _:
                yield block
