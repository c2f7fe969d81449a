"""Which draining providers have nothing left to do."""

from __future__ import annotations

from datetime import datetime

from activations.database import rows
from providers.alerts import note_drained

DRAINED = """
SELECT p.id, p.draining_since FROM providers_provider p
WHERE p.draining_since IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM activations_activation a
      WHERE a.activation_status = 'active' AND a.provider_id = p.id)
  AND NOT EXISTS (SELECT 1 FROM activations_check c WHERE c.provider_id = p.id)
  AND NOT EXISTS (SELECT 1 FROM activations_exchange e WHERE e.provider_id = p.id AND e.due_at IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM activations_rental r
      WHERE r.rental_status = 'active' AND r.provider_id = p.id)
"""


def note_drained_providers(now: datetime) -> None:
    """Have operators told of providers that drain and have no open number; once per drain."""
    for row in rows(DRAINED, {}):
        note_drained(row["id"], since=row["draining_since"], now=now)
