"""Whose messages are not passed on to marketplaces: banks and payment services, unless a contract's list says
otherwise. Marketplaces punish suppliers whose numbers receive them.
"""

from __future__ import annotations

import re

# A name as senders write it, by one line; contracts begin with this list and keep their own copy.
USUAL = """\
Sberbank
Sber
Tinkoff
T-Bank
Alfabank
Alfa-Bank
VTB
Raiffeisen
Gazprombank
Rosbank
Sovcombank
PayPal
Payoneer
Revolut
Wise
Western Union
MoneyGram
Qiwi
YooMoney
WebMoney
Skrill
Neteller
Stripe
Klarna
Visa
Mastercard
Bank
Credit
"""


def is_blocked(sender: str, *, names: str, ordered_service: str = "") -> bool:
    """Whether the sender is one of `names` (one per line), or has one as a word of its own. A sender that was
    ordered by name (`ordered_service`) is not blocked.
    """
    told = sender.casefold()
    if ordered_service and has_word(told, ordered_service.casefold()):
        return False
    return any(has_word(told, name) for line in names.splitlines() if (name := line.strip().casefold()))


def has_word(text: str, word: str) -> bool:
    """Whether `word` stands in `text` with nothing but other signs around it."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None
