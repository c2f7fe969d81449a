"""Celery's entry points: each starts one sweep. They may run twice, late or never; due rows bring the work
back.
"""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from activations.history import count_due
from activations.services import checking, draining
from activations.services.auditing import audit
from activations.services.callbacks import match_inbox
from activations.services.checking.orphans import find_late
from activations.services.endings import tell_due_ends
from activations.services.erasing import erase_due
from activations.services.exchanging import exchange_due
from activations.services.expired_refunds import check_expired_refunds
from activations.services.marketplace.issuing import write_off_strays
from activations.services.marketplace.leases import attend_due_sales, flag_old_sales
from activations.services.measuring import measure_due
from activations.services.provider_reports import send_due_reports
from activations.services.rentals.checking import check_due_rentals, end_due_rentals
from activations.services.rentals.lost import reconcile_due_rentals
from activations.services.rentals.renewing import remind_due_rentals, renew_due_rentals
from activations.services.request_keys import forget_old_keys
from activations.services.spending import check_caps


@shared_task(ignore_result=True)
def check_due_activations() -> None:
    """Ask providers about numbers whose check is due, and tell them which are waited for."""
    checking.tell_ready(timezone.now())
    checking.check_due()


@shared_task(ignore_result=True)
def count_history() -> None:
    """Add orders that have settled to the stored counts."""
    count_due(now=timezone.now())


@shared_task(ignore_result=True)
def measure_routes() -> None:
    """Bring the figures of routes, which the router reads, up to date."""
    measure_due()


@shared_task(ignore_result=True)
def check_refunds() -> None:
    """Read funds where nobody promises that expired numbers are paid back."""
    check_expired_refunds()


@shared_task(ignore_result=True)
def stop_at_daily_caps() -> None:
    """Stop buying where a day's money is spent."""
    check_caps()


@shared_task(ignore_result=True)
def expire_due_activations() -> None:
    """Close numbers whose time is over."""
    checking.expire_due()


@shared_task(ignore_result=True)
def reconcile_due_activations() -> None:
    """Find out about orders whose answer was lost, about those sold after they were given up, and about
    callbacks that came before their order; forget keys and tokens that are past their time.
    """
    match_inbox(timezone.now())
    checking.reconcile_due()
    find_late()
    forget_old_keys(timezone.now())


@shared_task(ignore_result=True)
def tell_ends() -> None:
    """Tell providers how numbers ended, where they have to be told."""
    tell_due_ends()


@shared_task(ignore_result=True)
def exchange_silent_numbers() -> None:
    """Buy other numbers for orders that wait in vain, and give back those that were exchanged."""
    exchange_due()


@shared_task(ignore_result=True)
def check_rentals() -> None:
    """Ask providers about rentals whose check is due."""
    check_due_rentals()


@shared_task(ignore_result=True)
def end_rentals() -> None:
    """End rentals whose time, or whose guard time without a message, is over."""
    end_due_rentals()


@shared_task(ignore_result=True)
def reconcile_rentals() -> None:
    """Find out about rents and extensions whose answer was lost."""
    reconcile_due_rentals()


@shared_task(ignore_result=True)
def renew_rentals() -> None:
    """Renew what renews itself."""
    renew_due_rentals()


@shared_task(ignore_result=True)
def remind_of_rentals() -> None:
    """Tell of ends that are near."""
    remind_due_rentals()


@shared_task(ignore_result=True)
def attend_marketplace_sales() -> None:
    """Return, finish or keep what was sold to marketplaces, and flag what they leave open."""
    write_off_strays(timezone.now())
    attend_due_sales()
    flag_old_sales()


@shared_task(ignore_result=True)
def tell_providers_of_reports() -> None:
    """Pass customers' reports on to the providers that take them."""
    send_due_reports(timezone.now())


@shared_task(ignore_result=True)
def note_drained_providers() -> None:
    """Find out which draining providers have nothing left to do. Running it twice tells nothing twice."""
    draining.note_drained_providers(timezone.now())


@shared_task(ignore_result=True)
def erase_old_texts() -> None:
    """Erase texts, codes and evidence whose time is over."""
    erase_due(timezone.now())


@shared_task(ignore_result=True)
def audit_ledger() -> None:
    """Prove the books; operators are told when they are wrong."""
    audit()
