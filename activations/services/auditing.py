"""Proof of the ledger (M15): every rule of money, asked of one snapshot. What is wrong is told."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import connection, transaction

from accounts.queries import mails_of_operators
from activations import checks as order_checks
from billing import checks as ledger_checks

log = structlog.get_logger(__name__)

CHECKS = [*ledger_checks.CHECKS, *order_checks.CHECKS]
MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule and the rows that break it, in a sentence."""

    rule: str
    text: str


def breaches(*, limit: int) -> list[Breach]:
    """What is wrong on this database, at most `limit` of each rule, each one logged as an error."""
    found = []
    with transaction.atomic(), connection.cursor() as cursor:
        for setting in ledger_checks.SNAPSHOT:
            cursor.execute(setting)
        for check in CHECKS:
            found += [Breach(check.rule, text) for text in check.breaches(limit)]
    for breach in found:
        log.error("ledger_wrong", rule=breach.rule, breach=breach.text)
    return found


def audit() -> None:
    """Check the books and tell the platform's operators when they are wrong. It corrects nothing."""
    found = breaches(limit=MOST_NAMED)
    if not found:
        log.info("ledger_right", rules=len(CHECKS))
        return
    lines = "\n".join(f"- {breach.rule}: {breach.text}" for breach in found)
    send_mail(
        f"The ledger is wrong in {len(found)} places",
        f"The nightly check found this and changed nothing:\n\n{lines}\n\nSee: manage.py check_ledger\n",
        settings.DEFAULT_FROM_EMAIL,
        mails_of_operators(),
    )
