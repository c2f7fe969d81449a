import django.db.models.deletion
from django.db import migrations, models

from portal.sql import install


class Migration(migrations.Migration):
    """Leases whose provider must be told how they ended; open leases can be found by their phone."""

    dependencies = [
        ("accounts", "0001_initial"),
        ("activations", "0020_terms_of_sale"),
        ("providers", "0012_draining"),
    ]

    operations = [
        migrations.CreateModel(
            name="Ending",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("upstream_ref", models.CharField(max_length=80)),
                (
                    "native_amount",
                    models.DecimalField(
                        decimal_places=4,
                        help_text="What was agreed, in the provider's currency.",
                        max_digits=14,
                        null=True,
                    ),
                ),
                ("native_currency", models.CharField(blank=True, db_default="", default="", max_length=3)),
                (
                    "fx_rate",
                    models.DecimalField(
                        decimal_places=12,
                        help_text="US dollars for one unit of it, as it was then.",
                        max_digits=24,
                        null=True,
                    ),
                ),
                (
                    "due_at",
                    models.DateTimeField(help_text="Empty: it runs, or all of it is told.", null=True),
                ),
                (
                    "told",
                    models.CharField(
                        blank=True,
                        choices=[("sold", "Sold"), ("unused", "Unused"), ("refunded", "Refunded")],
                        db_default="",
                        default="",
                        max_length=8,
                    ),
                ),
                (
                    "tries",
                    models.PositiveSmallIntegerField(db_default=0, default=0, help_text="Failures in a row."),
                ),
                ("parked_reason", models.CharField(blank=True, db_default="", default="", max_length=200)),
            ],
        ),
        migrations.RemoveIndex(
            model_name="activation",
            name="activation_open_at_provider",
        ),
        migrations.RemoveIndex(
            model_name="rental",
            name="rental_open_at_provider",
        ),
        migrations.AddIndex(
            model_name="activation",
            index=models.Index(
                condition=models.Q(("activation_status", "active")),
                fields=["provider", "phone"],
                name="activation_open_at_provider",
            ),
        ),
        migrations.AddIndex(
            model_name="rental",
            index=models.Index(
                condition=models.Q(("rental_status", "active")),
                fields=["provider", "phone"],
                name="rental_open_at_provider",
            ),
        ),
        migrations.AddField(
            model_name="ending",
            name="activation",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="endings",
                to="activations.activation",
            ),
        ),
        migrations.AddField(
            model_name="ending",
            name="provider",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="providers.provider",
            ),
        ),
        migrations.AddField(
            model_name="ending",
            name="rental",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="endings",
                to="activations.rental",
            ),
        ),
        migrations.AddField(
            model_name="ending",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="accounts.tenant",
            ),
        ),
        migrations.AddIndex(
            model_name="ending",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False), ("parked_reason", "")),
                fields=["due_at"],
                name="ending_due",
            ),
        ),
        migrations.AddIndex(
            model_name="ending",
            index=models.Index(
                condition=models.Q(("parked_reason", ""), _negated=True), fields=["id"], name="ending_parked"
            ),
        ),
        migrations.AddConstraint(
            model_name="ending",
            constraint=models.UniqueConstraint(
                condition=models.Q(("activation__isnull", False)),
                fields=("activation", "upstream_ref"),
                name="ending_of_activation_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="ending",
            constraint=models.UniqueConstraint(
                condition=models.Q(("rental__isnull", False)),
                fields=("rental", "upstream_ref"),
                name="ending_of_rental_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="ending",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("activation", None), ("rental__isnull", False)),
                    models.Q(("activation__isnull", False), ("rental", None)),
                    _connector="OR",
                ),
                name="ending_is_of_one_lease",
            ),
        ),
        install("activations/sql/endings.sql"),
    ]
