from django.db import migrations

MARK = """
UPDATE accounts_customer c SET is_internal = true FROM activations_contract m WHERE m.customer_id = c.id
"""


class Migration(migrations.Migration):
    """Accounts of contracts made before are the portal's own, too."""

    dependencies = [("activations", "0027_marketplace_contracts"), ("accounts", "0004_internal_accounts")]
    operations = [migrations.RunSQL(MARK, migrations.RunSQL.noop)]
