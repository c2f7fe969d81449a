"""Lists that callers fetch whole: written when what they are made from changes, sent as they are."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models import Tenant


class Publication(models.Model):
    """When the lists of a topic are written anew for a tenant (none: for everybody). Its row is the lock:
    who writes holds it, so there is one writer at a time.
    """

    tenant = models.ForeignKey(Tenant, models.CASCADE, null=True, related_name="+", db_index=False)
    topic = models.CharField(max_length=9)
    due_at = models.DateTimeField(null=True, help_text="Empty: nothing that is known will change it.")
    built_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "topic"], name="publication_once", nulls_distinct=False
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="publication_due"),
        ]


class PublishedList(models.Model):
    """One list as it is sent: gzip of a JSON array. Unpacked it is the plain form, whose SHA-1 is the ETag.

    `parts` says where the entry of an id lies in `packed` ([offset, length]); each is packed by itself.
    """

    tenant = models.ForeignKey(Tenant, models.CASCADE, null=True, related_name="+", db_index=False)
    name = models.CharField(max_length=20)
    etag = models.CharField(max_length=40)
    packed = models.BinaryField()
    parts = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="list_once", nulls_distinct=False),
        ]
