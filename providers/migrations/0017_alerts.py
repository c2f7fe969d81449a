import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0016_funds"),
    ]

    operations = [
        migrations.CreateModel(
            name="ProviderAlert",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "subject",
                    models.CharField(
                        choices=[
                            ("state", "State"),
                            ("words", "words that nobody mapped"),
                            ("drained", "Drained"),
                        ],
                        max_length=7,
                    ),
                ),
                ("told", models.CharField(blank=True, help_text="What people know.", max_length=40)),
                ("current", models.CharField(blank=True, help_text="What is true now.", max_length=40)),
                ("reason", models.CharField(blank=True, max_length=200)),
                (
                    "count",
                    models.PositiveIntegerField(
                        db_default=0, default=0, help_text="New words not told of yet."
                    ),
                ),
                (
                    "due_at",
                    models.DateTimeField(help_text="When people are told; empty: they know.", null=True),
                ),
                ("told_at", models.DateTimeField(null=True)),
                (
                    "provider",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="providers.provider",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("due_at__isnull", False)),
                        fields=["due_at"],
                        name="provider_alert_due",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("provider", "subject"), name="provider_alert_once")
                ],
            },
        ),
    ]
