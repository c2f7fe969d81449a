from django.db import migrations, models

from portal.sql import install


class Migration(migrations.Migration):
    """Charges and refunds of rentals: each term is billed once and refunded once, wholly or in part."""

    dependencies = [("billing", "0006_wallet_low")]
    operations = [
        migrations.AddConstraint(
            model_name="transaction",
            constraint=models.UniqueConstraint(
                condition=models.Q(kind="rental_charge"), fields=("order_id",), name="rental_billed_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="transaction",
            constraint=models.UniqueConstraint(
                condition=models.Q(kind="rental_refund"), fields=("order_id",), name="rental_refunded_once"
            ),
        ),
        install("billing/sql/ledger_bill.sql"),
    ]
