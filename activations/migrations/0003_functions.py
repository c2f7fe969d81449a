from django.db import migrations

from portal.sql import install


class Migration(migrations.Migration):
    """The moves of an order as SQL functions, one round trip each."""

    dependencies = [
        ("activations", "0002_room_for_updates"),
        ("webhooks", "0001_initial"),
        ("billing", "0003_ledger_functions"),
    ]
    operations = [
        install("activations/sql/activation_open.sql"),
        install("activations/sql/activation_attach.sql"),
        install("activations/sql/activation_attempts.sql"),
        install("activations/sql/activation_receive.sql"),
        install("activations/sql/activation_moves.sql"),
    ]
