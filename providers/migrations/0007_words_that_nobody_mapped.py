import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0006_measured_routes"),
    ]

    operations = [
        migrations.CreateModel(
            name="UnmappedCode",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("service", "Service"), ("country", "Country"), ("operator", "Operator")],
                        max_length=8,
                    ),
                ),
                ("code", models.CharField(help_text="The upstream's own.", max_length=60)),
                (
                    "name",
                    models.CharField(
                        blank=True, help_text="As the upstream's catalogue says it.", max_length=80
                    ),
                ),
                (
                    "lines",
                    models.PositiveIntegerField(
                        default=0, help_text="Lines of the last price list that have it."
                    ),
                ),
                (
                    "is_ignored",
                    models.BooleanField(default=False, help_text="Somebody decided that it stays unmapped."),
                ),
                (
                    "seen_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        help_text="When its lines last changed.",
                    ),
                ),
                (
                    "provider",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="unmapped_codes",
                        to="providers.provider",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.OrderBy(models.F("lines"), descending=True),
                        models.OrderBy(models.F("id"), descending=True),
                        name="unmapped_most_lines",
                    ),
                    models.Index(
                        condition=models.Q(("is_ignored", False)), fields=["provider"], name="unmapped_open"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("provider", "kind", "code"), name="unmapped_code_once")
                ],
            },
        ),
    ]
