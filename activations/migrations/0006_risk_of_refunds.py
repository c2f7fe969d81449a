from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("activations", "0005_report")]
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
                    ("refund", "customer got his money back on a report"),
                ],
                max_length=10,
            ),
        ),
    ]
