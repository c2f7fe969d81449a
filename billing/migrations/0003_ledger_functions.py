from django.db import migrations

from portal.sql import install


class Migration(migrations.Migration):
    """The functions that alone change wallets and holds, and the triggers that keep the ledger append-only."""

    dependencies = [("billing", "0002_room_for_updates")]
    operations = [
        install("billing/sql/ledger_guards.sql"),
        install("billing/sql/ledger_hold.sql"),
        install("billing/sql/ledger_bill.sql"),
    ]
