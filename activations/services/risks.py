"""Money at risk: claimed from its provider, recovered, or written off, each once and by somebody.

What the customer got back is another fact, which the ledger has; a recovery is what the provider paid. A
case opens again when a further fee is added to it (activations/sql/activation_attempts.sql); what came back
before that is still counted.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import User
from activations.models import MoneyAtRisk
from portal.errors import InvalidState

State = MoneyAtRisk.State
OPEN = (State.OPEN, State.CLAIMED)


def claim(risk_id: int, *, note: str, by: User, now: datetime) -> MoneyAtRisk:
    """The provider was asked for the money. Raises InvalidState unless the case is open."""
    return _move(risk_id, State.CLAIMED, from_=(State.OPEN,), reason=note, by=by, now=now)


def write_off(risk_id: int, *, reason: str, by: User, now: datetime) -> MoneyAtRisk:
    """The money is lost. Raises InvalidState when the case was settled."""
    return _move(risk_id, State.WRITTEN_OFF, from_=OPEN, reason=reason, by=by, now=now)


def recover(risk_id: int, *, micros: int, note: str, by: User, now: datetime) -> MoneyAtRisk:
    """The provider paid `micros` micro-USD back, the whole or the part that settles the case.

    Raises InvalidState when the case was settled, or the amount is not above zero and at most the risk.
    """
    return _move(risk_id, State.RECOVERED, from_=OPEN, reason=note, by=by, now=now, recovered_micros=micros)


@transaction.atomic
def _move(
    risk_id: int,
    to: MoneyAtRisk.State,
    *,
    from_: tuple[MoneyAtRisk.State, ...],
    reason: str,
    by: User,
    now: datetime,
    recovered_micros: int = 0,
) -> MoneyAtRisk:
    risk = MoneyAtRisk.objects.select_for_update(no_key=True).get(pk=risk_id)
    if risk.state not in from_:
        raise InvalidState(f"This case is {risk.get_state_display().lower()} already.")
    left_micros = risk.amount_micros - risk.recovered_micros
    if to is State.RECOVERED and not 0 < recovered_micros <= left_micros:
        raise InvalidState("What came back must be above zero and at most what is at risk.")
    risk.state, risk.reason = to, reason
    risk.recovered_micros += recovered_micros
    risk.changed_by, risk.changed_at = by, now
    risk.save(update_fields=["state", "reason", "recovered_micros", "changed_by", "changed_at"])
    return risk
