import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Counts and figures of how routes prove to be, and the sheets that the router reads them from."""

    dependencies = [
        ("providers", "0005_catalogue_sync"),
    ]

    operations = [
        migrations.CreateModel(
            name="RouteMark",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("counted_until", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="route_mark_single")
                ],
            },
        ),
        migrations.CreateModel(
            name="RouteSheet",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("service_id", models.CharField(blank=True, max_length=30)),
                ("country_id", models.CharField(blank=True, max_length=9)),
                ("figures", models.TextField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("service_id", "country_id"), name="route_sheet_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="RouteOutcome",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("service_id", models.CharField(blank=True, help_text="Empty: all services.", max_length=30)),
                ("country_id", models.CharField(blank=True, help_text="Empty: all countries.", max_length=9)),
                ("operator", models.CharField(blank=True, help_text="Empty: all operators.", max_length=40)),
                ("day", models.DateField()),
                (
                    "wait",
                    models.SmallIntegerField(help_text="Place in the table of waits; −1: no code came."),
                ),
                ("orders", models.PositiveIntegerField()),
                (
                    "provider",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="providers.provider",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "service_id", "country_id", "operator", "day", "wait"),
                        name="route_outcome_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RouteQuality",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("service_id", models.CharField(blank=True, help_text="Empty: all services.", max_length=30)),
                ("country_id", models.CharField(blank=True, help_text="Empty: all countries.", max_length=9)),
                ("operator", models.CharField(blank=True, help_text="Empty: all operators.", max_length=40)),
                ("orders", models.PositiveIntegerField(default=0, help_text="Numbers that ended.")),
                (
                    "codes",
                    models.PositiveIntegerField(default=0, help_text="Those of them that received a code."),
                ),
                (
                    "median_seconds",
                    models.PositiveIntegerField(help_text="Half of the codes came within it.", null=True),
                ),
                (
                    "p90_seconds",
                    models.PositiveIntegerField(help_text="Nine of ten codes came within it.", null=True),
                ),
                ("due_at", models.DateTimeField(help_text="When it is added up again.")),
                (
                    "provider",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="providers.provider",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "route quality",
                "indexes": [models.Index(fields=["due_at"], name="route_quality_due")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("service_id", "country_id", "provider", "operator"), name="route_quality_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("codes__lte", models.F("orders"))), name="route_codes_of_orders"
                    ),
                ],
            },
        ),
    ]
