import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("providers", "0012_draining"),
    ]

    operations = [
        migrations.CreateModel(
            name="Listing",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "is_off",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="Neither listed nor sold.",
                        verbose_name="switched off",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="Empty: the shared name.",
                        max_length=80,
                        verbose_name="own name",
                    ),
                ),
                (
                    "country",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="providers.country",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="providers.service",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="listings",
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("service__isnull", False)),
                        fields=("tenant", "service"),
                        name="listing_of_service_once",
                        violation_error_message="This reseller has a line for this service.",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("country__isnull", False)),
                        fields=("tenant", "country"),
                        name="listing_of_country_once",
                        violation_error_message="This reseller has a line for this country.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("service__isnull", True), ("country__isnull", True), _connector="XOR"
                        ),
                        name="listing_of_one_thing",
                        violation_error_message="Choose a service or a country, one of them.",
                    ),
                ],
            },
        ),
    ]
