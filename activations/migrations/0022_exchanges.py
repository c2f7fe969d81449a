import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    """Silent numbers that are exchanged inside their order."""

    dependencies = [
        ("accounts", "0001_initial"),
        ("activations", "0021_tell_how_leases_ended"),
        ("providers", "0015_replace_silent_numbers"),
    ]

    operations = [
        migrations.CreateModel(
            name="Exchange",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
                (
                    "activation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="exchanges",
                        to="activations.activation",
                    ),
                ),
                (
                    "provider",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="providers.provider",
                    ),
                ),
                ("offer_id", models.BigIntegerField(null=True)),
                (
                    "our_ref",
                    models.CharField(
                        blank=True,
                        help_text="Of the attempt that bought, or buys, the lease held here.",
                        max_length=40,
                    ),
                ),
                ("upstream_ref", models.CharField(blank=True, db_default="", default="", max_length=80)),
                ("phone", models.CharField(blank=True, db_default="", default="", max_length=20)),
                ("formatted", models.CharField(blank=True, db_default="", default="", max_length=40)),
                ("operator", models.CharField(db_default="any", default="any", max_length=40)),
                (
                    "cost_micros",
                    models.BigIntegerField(
                        db_default=0, default=0, help_text="The ceiling, until it is bought."
                    ),
                ),
                ("due_price_micros", models.BigIntegerField(db_default=0, default=0)),
                ("due_customer_price_micros", models.BigIntegerField(db_default=0, default=0)),
                ("expire_at", models.DateTimeField(null=True)),
                (
                    "cancelable_after",
                    models.DateTimeField(help_text="Empty: it cannot be given back.", null=True),
                ),
                ("is_retriable", models.BooleanField(db_default=False, default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("buying", "Buying"),
                            ("unsold", "no other number was to be had"),
                            ("returning", "being given back"),
                            ("returned", "given back"),
                            ("kept", "the provider keeps its price"),
                        ],
                        max_length=9,
                    ),
                ),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=80)),
                (
                    "due_at",
                    models.DateTimeField(help_text="When the provider is asked next.", null=True),
                ),
                (
                    "tries",
                    models.PositiveSmallIntegerField(db_default=0, default=0, help_text="Failures in a row."),
                ),
                (
                    "gone",
                    models.PositiveSmallIntegerField(
                        db_default=0,
                        default=0,
                        help_text="How often in a row the provider did not know it.",
                    ),
                ),
                (
                    "routing",
                    models.JSONField(blank=True, default=dict, help_text="The router's decision."),
                ),
                ("started_at", models.DateTimeField(db_default=Now())),
                (
                    "swapped_at",
                    models.DateTimeField(help_text="When the order's number became another.", null=True),
                ),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.F("state"),
                        models.F("due_at"),
                        condition=models.Q(("due_at__isnull", False)),
                        name="exchange_due",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("upstream_ref", ""), _negated=True),
                        fields=("provider", "upstream_ref"),
                        name="exchange_lease_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "buying")),
                        fields=("activation",),
                        name="exchange_buys_one_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("due_at__isnull", False), ("state__in", ["buying", "returning"])),
                            models.Q(("due_at", None), ("state__in", ["unsold", "returned", "kept"])),
                            _connector="OR",
                        ),
                        name="exchange_is_due_while_open",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="activation",
            name="replaced_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When its number last became another, because it stayed silent.",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="attempt",
            name="outcome",
            field=models.CharField(
                blank=True,
                choices=[
                    ("leased", "Leased"),
                    ("refused", "Refused"),
                    ("unreachable", "Unreachable"),
                    ("unknown", "Unknown"),
                    ("released", "unknown, then proven empty or cancelled upstream"),
                    ("exchanged", "leased, then replaced because it stayed silent"),
                ],
                db_default="",
                default="",
                max_length=11,
            ),
        ),
    ]
