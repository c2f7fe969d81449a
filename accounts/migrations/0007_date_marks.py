from django.db import migrations

DATE = """
UPDATE accounts_customer SET marked_at = now() WHERE status = 'markedForDeletion' AND marked_at IS NULL
"""


class Migration(migrations.Migration):
    """Who was marked before marks had a date was promised no purge: his time begins now."""

    dependencies = [("accounts", "0006_erase_customers")]
    operations = [migrations.RunSQL(DATE, migrations.RunSQL.noop)]
