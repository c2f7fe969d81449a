"""Daily caps: what may be spent at a provider in a day, by everybody or by one tenant (UTC).

Nothing counts while an order is made, so no row is hot: once a second the sums are compared with the caps,
and what is over its cap is not asked any more until midnight. A cap is therefore exceeded by what is bought
between two sweeps and by calls that are under way, and holds only while the sweeps run.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from activations.database import rows, run
from providers import health
from providers.models import ProviderHealth

HELD = {ProviderHealth.State.PAUSED, ProviderHealth.State.SPENT}

PROVIDERS = """
SELECT p.id, p.daily_cap_micros AS cap, coalesce(h.state, 'ok') AS state, h.blocked_until,
    CASE WHEN p.daily_cap_micros IS NOT NULL THEN provider_spent(p.id, NULL, %(midnight)s) END AS spent
FROM providers_provider p LEFT JOIN providers_providerhealth h ON h.provider_id = p.id
WHERE p.daily_cap_micros IS NOT NULL OR h.state IN ('paused', 'spent')
"""
RULES = """
UPDATE providers_routingrule r SET spent_until = verdict.until
FROM (
    SELECT id, CASE WHEN daily_cap_micros IS NOT NULL
        AND provider_spent(provider_id, tenant_id, %(midnight)s) >= daily_cap_micros
        THEN %(tomorrow)s::timestamptz END AS until
    FROM providers_routingrule WHERE daily_cap_micros IS NOT NULL OR spent_until IS NOT NULL
) AS verdict
WHERE r.id = verdict.id AND r.spent_until IS DISTINCT FROM verdict.until
"""


def check_caps(now: datetime | None = None) -> None:
    """Stop buying where a daily cap is reached, and begin again where it is not, or a pause is over."""
    now = now or timezone.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    day = {"midnight": midnight, "tomorrow": midnight + timedelta(days=1)}
    for row in rows(PROVIDERS, day):
        is_over = row["cap"] is not None and row["spent"] >= row["cap"]
        has_ended = row["blocked_until"] is not None and row["blocked_until"] <= now
        if is_over and (row["state"] not in HELD or has_ended):
            health.stop_for_the_day(row["id"], until=day["tomorrow"], now=now)
        elif not is_over and (row["state"] == ProviderHealth.State.SPENT or has_ended):
            health.resume(row["id"], now=now)
    run(RULES, day)
