from django.db import migrations

from portal.sql import install

# Their new forms have the same name and more arguments: both at once would be ambiguous. A fresh database has only
# the new ones.
OLD = """
DROP FUNCTION IF EXISTS activation_receive(
    uuid, text, text, text, text, text, text, boolean, timestamptz, bigint, timestamptz);
DROP FUNCTION IF EXISTS activation_callback(
    bigint, bigint, bytea, text, uuid, text, text, text, text, text, text, boolean, timestamptz, bigint,
    timestamptz);
DROP FUNCTION IF EXISTS activation_close(uuid, text, text, timestamptz, boolean, timestamptz);
"""


class Migration(migrations.Migration):
    """Exchanges as SQL functions; messages and ends say which lease they mean."""

    dependencies = [("activations", "0023_risks_of_each_provider")]

    operations = [
        migrations.RunSQL(OLD, migrations.RunSQL.noop),
        install("activations/sql/exchange.sql"),
        install("activations/sql/activation_receive.sql"),
        install("activations/sql/activation_moves.sql"),
    ]
