from django.db import migrations

from portal.sql import install


class Migration(migrations.Migration):
    """Write wallet.low_balance whenever the available balance falls below the wallet's threshold."""

    dependencies = [
        ("billing", "0005_constrain_what_holds_the_ledger_together"),
        ("webhooks", "0001_initial"),
    ]
    operations = [install("billing/sql/wallet_low.sql")]
