from django.db import migrations, models

from portal.sql import install


class Migration(migrations.Migration):
    """What a customer pays for cancelling, once per order."""

    dependencies = [("billing", "0007_rentals")]
    operations = [
        migrations.AddConstraint(
            model_name="transaction",
            constraint=models.UniqueConstraint(
                condition=models.Q(kind="cancel_fee"), fields=("order_id",), name="cancel_fee_once"
            ),
        ),
        install("billing/sql/ledger_hold.sql"),
    ]
