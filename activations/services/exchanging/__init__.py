"""The self-healing order: a number that stays silent longer than nine of ten codes of its route took is
exchanged for one of another provider, in the same order and at no higher price, where its reseller wants it.

Each exchange is a row (activations.exchange_models). Until the swap it holds the lease that is bought, and an
outcome that is not known yet swaps nothing; after it the former one, which is listened to until its provider
took it back. A message for it makes it the order's number again, as long as the order waits: whichever number
gets the first message is billed, the other one is given back. SQL: activations/sql/exchange.sql.
"""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from activations.services.checking.holding import SweepClock
from activations.services.exchanging.buying import buy_for_silent
from activations.services.exchanging.finding import find_bought
from activations.services.exchanging.returning import give_back


def exchange_due(now: datetime | None = None) -> None:
    """Do what is due of exchanges. Running it twice changes nothing."""
    now = now or timezone.now()
    clock = SweepClock(now)  # each waits for providers
    give_back(now)
    find_bought(clock.counted_from())
    buy_for_silent(clock.counted_from())
