"""The figures that orders obey, read from settings (seconds and counts; docs/protocols/README.md section
5).
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

ACTIVE_LIMIT: int = settings.ACTIVE_NUMBERS_PER_CUSTOMER

SUCCESS_MIN_PERCENT: int = settings.SUCCESS_MIN_PERCENT
SUCCESS_FROM_ORDERS: int = settings.SUCCESS_FROM_ORDERS
SUCCESS_WINDOW = timedelta(hours=settings.SUCCESS_WINDOW_HOURS)
SUCCESS_BLOCK = timedelta(hours=settings.SUCCESS_BLOCK_HOURS)

ORDER_ATTEMPTS: int = settings.ORDER_ATTEMPTS
ORDER_BUDGET_SECONDS: float = settings.ORDER_BUDGET_SECONDS
SHORT_LIFE_SECONDS: int = settings.SHORT_LIFE_SECONDS
PRICE_TOKEN_LIFE = timedelta(minutes=10)
REQUEST_KEY_LIFE = timedelta(days=7)

# An order whose process says nothing for so long is taken up by the sweep; longer than any call may take.
LOST_AFTER = timedelta(seconds=settings.ORDER_LOST_AFTER_SECONDS)
RECONCILE_EVERY = timedelta(seconds=settings.RECONCILE_EVERY_SECONDS)
# Lists prove that nothing was sold only after this time: an upstream may finish a slow order late.
RECONCILE_GRACE = timedelta(seconds=settings.RECONCILE_GRACE_SECONDS)
EMPTY_LISTS_NEEDED = 2
ORDER_LONGEST = timedelta(seconds=settings.ORDER_LONGEST_SECONDS)

EXPIRY_GRACE = timedelta(seconds=settings.EXPIRY_GRACE_SECONDS)
CLAIM = timedelta(seconds=settings.CLAIM_SECONDS)  # a killed worker's rows come back after this
CHECK_BATCH = 500
LIST_FROM_ROWS = 4  # so many due numbers at one provider are asked for by one list call, where it has one
COMPARE_LISTS_EVERY = timedelta(seconds=30)
PARK_AFTER_TRIES = 8
# A number that the provider says it does not know is given up after so many answers, which come within a
# minute.
GONE_ANSWERS_NEEDED = 3
GONE_AGAIN = timedelta(seconds=20)

# A silent number is exchanged after the wait within which nine of ten codes of its route came, or the floor
# if that is longer; so often in an order, and not near the end of its number's life.
EXCHANGE_FLOOR = timedelta(seconds=settings.EXCHANGE_FLOOR_SECONDS)
EXCHANGE_STOP = timedelta(seconds=settings.EXCHANGE_STOP_SECONDS)
EXCHANGES_MOST: int = settings.EXCHANGES_PER_ORDER
EXCHANGE_TRIES = 4  # of one order, those included that found no other number
EXCHANGE_AGAIN = timedelta(seconds=60)  # between two of them
EXCHANGE_BATCH = 30

MAX_TEXT = 2_000

RENTAL_HOURS_MOST = 720  # of one term; extensions may follow
RENTAL_GUARD = timedelta(minutes=20)  # cancelled within it and without a message: everything comes back
RENTAL_REMIND_BEFORE = timedelta(hours=24)  # or a quarter of the term, if that is shorter
RENTAL_RENEW_BEFORE = timedelta(hours=1)  # or an eighth of the term
RENTAL_RENEW_AGAIN = timedelta(minutes=10)  # a renewal that was refused may work later: money, stock
RENTAL_CHECK_OFTEN = timedelta(
    minutes=30
)  # after it was rented or heard from, checked at the provider's pace
RENTAL_CHECK_SELDOM = 6  # times slower afterwards
