from django.db import migrations

from portal.sql import install

# Its new form has the same name and one argument less; a fresh database has only that.
OLD = "DROP FUNCTION IF EXISTS rental_not_extended(uuid, text, text, text, text, timestamptz)"


class Migration(migrations.Migration):
    """A renewal that its provider refused is noted only by the sweep that also tells the customer."""

    dependencies = [("activations", "0028_accounts_of_contracts")]

    operations = [
        migrations.RunSQL(OLD, migrations.RunSQL.noop),
        install("activations/sql/rental_extend.sql"),
    ]
