from django.db import migrations

from portal.sql import install


class Migration(migrations.Migration):
    """Bill and refund orders of which one price is zero, release what is held now, open wallets empty."""

    dependencies = [("billing", "0003_ledger_functions")]
    operations = [
        install("billing/sql/ledger_guards.sql"),
        install("billing/sql/ledger_hold.sql"),
        install("billing/sql/ledger_bill.sql"),
    ]
