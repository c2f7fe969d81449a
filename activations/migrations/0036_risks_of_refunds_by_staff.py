from django.db import migrations, models


class Migration(migrations.Migration):
    """Refunds by staff are money at risk like those on a report: the words say so."""

    dependencies = [("activations", "0035_look_for_late_leases_functions")]

    operations = [
        migrations.AlterField(
            model_name="moneyatrisk",
            name="kind",
            field=models.CharField(
                choices=[
                    ("orphan", "order whose outcome could not be found out"),
                    ("overcharge", "provider charged more than the hold covered"),
                    ("late_code", "code after the money was released"),
                    ("kept_fee", "provider kept a fee"),
                    ("refund", "customer got his money back"),
                    ("unreturned", "provider did not pay an expired number back"),
                ],
                max_length=10,
            ),
        ),
    ]
