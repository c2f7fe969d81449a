from django.db import migrations, models

from portal.sql import install


class Migration(migrations.Migration):
    """Income that marketplaces owe: booked once per order, and taken back once."""

    dependencies = [("billing", "0008_cancel_fee")]
    operations = [
        migrations.AlterField(
            model_name="entry",
            name="account",
            field=models.CharField(
                choices=[
                    ("customer", "customer wallet"),
                    ("tenant", "tenant wallet"),
                    ("tenant_revenue", "Tenant Revenue"),
                    ("platform_revenue", "Platform Revenue"),
                    ("gateway", "Gateway"),
                    ("provider", "Provider"),
                    ("marketplace", "what a marketplace owes"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name="transaction",
            constraint=models.UniqueConstraint(
                condition=models.Q(kind="income"), fields=("order_id",), name="order_earned_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="transaction",
            constraint=models.UniqueConstraint(
                condition=models.Q(kind="income_reversal"), fields=("order_id",), name="order_reversed_once"
            ),
        ),
        install("billing/sql/ledger_income.sql"),
    ]
