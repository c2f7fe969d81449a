import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """When each provider is synchronised, and the days of its offers."""

    dependencies = [("providers", "0004_offers_as_lists_have_them")]
    operations = [
        migrations.CreateModel(
            name="CatalogueSync",
            fields=[
                (
                    "provider",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="sync",
                        serialize=False,
                        to="providers.provider",
                    ),
                ),
                (
                    "next_sync_at",
                    models.DateTimeField(blank=True, help_text="Empty: only when asked.", null=True),
                ),
                (
                    "asked",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "nothing"),
                            ("sync", "read it now"),
                            ("accept", "read it now, however short it is"),
                        ],
                        db_default="",
                        default="",
                        help_text="By a person.",
                        max_length=6,
                    ),
                ),
                (
                    "tries",
                    models.PositiveSmallIntegerField(db_default=0, default=0, help_text="Failures in a row."),
                ),
                (
                    "trouble",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="Why the last reading failed.",
                        max_length=200,
                    ),
                ),
                (
                    "synced_at",
                    models.DateTimeField(blank=True, help_text="When a list was last taken over.", null=True),
                ),
                (
                    "offers",
                    models.PositiveIntegerField(
                        db_default=0, default=0, help_text="In that list, and mapped."
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="OfferDay",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.DateField(help_text="Of UTC.")),
                ("low_micros", models.BigIntegerField(help_text="The day's lowest cost.")),
                ("high_micros", models.BigIntegerField()),
                ("cost_micros", models.BigIntegerField(help_text="The day's last cost.")),
                ("count", models.PositiveIntegerField(help_text="Stock when the row was last written.")),
            ],
        ),
        migrations.AddField(
            model_name="provider",
            name="sync_seconds",
            field=models.PositiveIntegerField(
                default=300, help_text="Interval between readings of the price list; 0: only by hand."
            ),
        ),
        migrations.AddIndex(
            model_name="cataloguesync",
            index=models.Index(fields=["next_sync_at"], name="sync_due"),
        ),
        migrations.AddField(
            model_name="offerday",
            name="offer",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="days",
                to="providers.offer",
            ),
        ),
        migrations.AddIndex(
            model_name="offerday",
            index=django.contrib.postgres.indexes.BrinIndex(fields=["day"], name="offer_day_to_prune"),
        ),
        migrations.AddConstraint(
            model_name="offerday",
            constraint=models.UniqueConstraint(fields=("offer", "day"), name="offer_day_once"),
        ),
    ]
