"""Switching services and countries of a reseller's catalogue off and on again."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection, transaction

from accounts.models import Tenant
from portal.errors import ValidationError
from providers.models import Listing

SWITCH = """
INSERT INTO providers_listing AS l (tenant_id, {kind}_id, is_off, name)
SELECT %(tenant)s, id, true, '' FROM providers_{kind} WHERE id = ANY(%(ids)s)
ON CONFLICT (tenant_id, {kind}_id) WHERE {kind}_id IS NOT NULL DO UPDATE SET is_off = true WHERE NOT l.is_off
"""
SWITCHES = {kind: SWITCH.format(kind=kind) for kind in ("service", "country")}


@transaction.atomic
def switch_off(*, tenant: Tenant, kind: str, ids: Iterable[str]) -> int:
    """Sell these services (`kind` "service") or countries no longer; how many were on until now.

    Raises ValidationError (`tenant`) for a test twin, whose catalogue is its reseller's.
    """
    _check(tenant)
    with connection.cursor() as cursor:
        cursor.execute(SWITCHES[kind], {"tenant": tenant.pk, "ids": list(ids)})
        return int(cursor.rowcount)


@transaction.atomic
def switch_on(*, tenant: Tenant, kind: str, ids: Iterable[str]) -> int:
    """Sell them again; a line that has no name of its own either says nothing any more and goes."""
    _check(tenant)
    off = Listing.objects.filter(tenant=tenant, is_off=True, **{f"{kind}__in": list(ids)})
    nameless, _ = off.filter(name="").delete()
    return nameless + off.update(is_off=False)


def _check(tenant: Tenant) -> None:
    if tenant.is_test:
        raise ValidationError({"tenant": "A test twin has the catalogue of its reseller; choose that one."})
