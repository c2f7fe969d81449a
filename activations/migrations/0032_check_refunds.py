import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Funds are read where nobody promises that expired numbers are paid back."""

    dependencies = [("activations", "0031_rental_ends_in_order"), ("providers", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="RefundCheck",
            fields=[
                (
                    "provider",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="refund_check",
                        serialize=False,
                        to="providers.provider",
                    ),
                ),
                ("due_at", models.DateTimeField()),
                ("balance_micros", models.BigIntegerField(null=True)),
                ("read_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AlterField(
            model_name="moneyatrisk",
            name="kind",
            field=models.CharField(
                choices=[
                    ("orphan", "order whose outcome could not be found out"),
                    ("overcharge", "provider charged more than the hold covered"),
                    ("late_code", "code after the money was released"),
                    ("kept_fee", "provider kept a fee"),
                    ("refund", "customer got his money back on a report"),
                    ("unreturned", "provider did not pay an expired number back"),
                ],
                max_length=10,
            ),
        ),
    ]
