"""A table of what customers' programs asked for (api.diary)."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_deferred_cancel"),
        ("api", "0009_editions"),
    ]

    operations = [
        migrations.CreateModel(
            name="RequestLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("minute", models.DateTimeField()),
                ("dialect", models.CharField(max_length=10)),
                ("route", models.CharField(max_length=60)),
                ("outcome", models.CharField(help_text="ok, or a refusal's code.", max_length=40)),
                (
                    "order_ref",
                    models.CharField(
                        blank=True, help_text="Public id of the order or rental.", max_length=24
                    ),
                ),
                ("status", models.PositiveSmallIntegerField()),
                ("count", models.PositiveIntegerField()),
                ("last_at", models.DateTimeField()),
                ("request_id", models.CharField(help_text="Of the last one.", max_length=64)),
                (
                    "customer",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="accounts.customer",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["minute"], name="request_line_minute")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("customer", "minute", "dialect", "route", "outcome", "order_ref"),
                        name="request_line_once",
                    )
                ],
            },
        ),
    ]
