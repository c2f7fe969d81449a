"""Asking providers about open numbers: what is due (`check_due`), what ended (`expire_due`), and what became
of orders whose answer was lost (`reconcile_due`).

A sweep claims narrow due rows by pushing their time forward, so that a killed worker's rows come back by
themselves and several sweeps share the work. No transaction is open while a provider is asked.
"""

from activations.services.checking.expiry import expire_due
from activations.services.checking.lost import reconcile_due
from activations.services.checking.readiness import tell_ready
from activations.services.checking.sweep import check_due

__all__ = ["check_due", "expire_due", "reconcile_due", "tell_ready"]
