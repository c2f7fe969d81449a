"""The Celery application and its static schedule.

Every task may be lost or run twice: what must happen is a due row in the database, which a sweep below finds.
"""

import os
from collections import defaultdict
from threading import BoundedSemaphore
from typing import Any

from celery import Celery, Task
from celery.schedules import crontab

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

SWEEPS_AT_ONCE = 2  # of one kind in one process


class Sweep(Task):
    """A task that steps aside while enough of its kind run in this process.

    Otherwise a provider that hangs would fill every thread with checks, and nothing would expire meanwhile.
    """

    abstract = True
    places: defaultdict[str, BoundedSemaphore] = defaultdict(lambda: BoundedSemaphore(SWEEPS_AT_ONCE))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run, unless there is no place; then the sweeps that run, or the next beat's, do the work."""
        place = self.places[self.name]
        if not place.acquire(blocking=False):
            return None
        try:
            return super().__call__(*args, **kwargs)
        finally:
            place.release()


app = Celery("portal", task_cls=Sweep)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_store_eager_result=False,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 300, "unacked_restore_throttle": 1},
    task_soft_time_limit=None,  # the threads pool has none; sweeps bound their own batches
    timezone="UTC",
)
app.autodiscover_tasks()

SWEEP_SECONDS = 1.0
SWEEPS = (
    "activations.tasks.check_due_activations",
    "activations.tasks.expire_due_activations",
    "activations.tasks.reconcile_due_activations",
    "activations.tasks.tell_ends",
    "activations.tasks.check_rentals",
    "activations.tasks.end_rentals",
    "activations.tasks.reconcile_rentals",
    "activations.tasks.stop_at_daily_caps",
    "activations.tasks.attend_marketplace_sales",
    "webhooks.tasks.dispatch_due_events",
    "api.tasks.publish_due_lists",
    "api.tasks.push_to_marketplaces",
)
# A code should be at its receiver within a second, and a sweep with nothing to do costs two short queries.
WEBHOOK_SECONDS = 0.5
WEBHOOKS = ("webhooks.tasks.deliver_due_webhooks",)
MAIL_SECONDS = 60.0
MAILS = ("webhooks.tasks.mail_about_endpoints",)
REPORTS_SECONDS = 10.0
REPORTS = ("activations.tasks.tell_providers_of_reports",)
EXCHANGE_SECONDS = 2.0  # numbers to be given back are asked about, too
EXCHANGES = ("activations.tasks.exchange_silent_numbers",)
RENEWAL_SECONDS = 15.0
RENEWALS = ("activations.tasks.renew_rentals", "activations.tasks.remind_of_rentals")
COUNT_SECONDS = 60.0
COUNTS = (
    "activations.tasks.count_history",
    "activations.tasks.measure_routes",
    "activations.tasks.check_refunds",
    "activations.tasks.note_drained_providers",
)
PROVIDERS_SECONDS = 5.0  # each row has a due time of its own; this is how soon "sync now" begins
PROVIDERS = ("providers.tasks.sync_due_catalogues", "providers.tasks.tell_of_changes")
DAILY_LATE_SECONDS = 300.0
DAILY = (
    ("activations.tasks.erase_old_texts", crontab(minute=40)),  # every hour, so that no run has much to do
    ("webhooks.tasks.forget_old_deliveries", crontab(minute=50)),
    ("api.tasks.forget_old_requests", crontab(minute=10)),
    ("api.tasks.purge_marked_customers", crontab(hour=4, minute=30)),
    ("api.tasks.drop_idle_lists", crontab(hour=4, minute=10)),
    ("accounts.tasks.forget_expired_sessions", crontab(hour=3, minute=50)),
    ("activations.tasks.audit_ledger", crontab(hour=3, minute=20)),
    ("providers.tasks.prune_old_charts", crontab(hour=4, minute=10)),
)
# A sweep that waited longer than three beats is dropped: a later one does its work, and none pile up.
EVERY = [
    *((name, SWEEP_SECONDS, 3 * SWEEP_SECONDS) for name in SWEEPS),
    *((name, WEBHOOK_SECONDS, SWEEP_SECONDS) for name in WEBHOOKS),
    *((name, MAIL_SECONDS, MAIL_SECONDS) for name in MAILS),
    *((name, REPORTS_SECONDS, REPORTS_SECONDS) for name in REPORTS),
    *((name, EXCHANGE_SECONDS, 3 * EXCHANGE_SECONDS) for name in EXCHANGES),
    *((name, RENEWAL_SECONDS, RENEWAL_SECONDS) for name in RENEWALS),
    *((name, COUNT_SECONDS, COUNT_SECONDS) for name in COUNTS),
    *((name, PROVIDERS_SECONDS, PROVIDERS_SECONDS) for name in PROVIDERS),
]
app.conf.beat_schedule = {
    name: {"task": name, "schedule": seconds, "options": {"expires": expires}}
    for name, seconds, expires in EVERY
} | {
    name: {"task": name, "schedule": moment, "options": {"expires": DAILY_LATE_SECONDS}}
    for name, moment in DAILY
}
