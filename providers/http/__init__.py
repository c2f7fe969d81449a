"""Carries an adapter's calls: one at a time with urllib3 (`send`; `send_all` for a list in pages), thousands
with aiohttp (`send_many`).

What an error means for money is decided here: `Unreachable` only when the request surely never left (name not
found, connection refused or not made in time), `OutcomeUnknown` for everything else that is no answer.
Nothing of a body, a query, a header or a key is ever logged.
"""

from providers.http.common import TransactionOpen
from providers.http.many import GivenUp, Sent, send_many
from providers.http.orders import as_order, send_order
from providers.http.single import send, send_all

__all__ = ["GivenUp", "Sent", "TransactionOpen", "as_order", "send", "send_all", "send_many", "send_order"]
