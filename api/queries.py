"""Reads of what customers' programs asked for."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import QuerySet

from api.models import RequestLine

SHOWN = 100


def requests_of(customer_ids: Sequence[int]) -> QuerySet[RequestLine]:
    """What these customers' keys asked for within the last day, the latest first; at most 100 lines."""
    return RequestLine.objects.filter(customer_id__in=customer_ids).order_by("-minute", "-last_at")[:SHOWN]
