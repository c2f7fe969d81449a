from django.db import migrations

from portal.sql import install


class Migration(migrations.Migration):
    """Refuse to delete an order: the stored counts would keep it, and ledger entries would name nothing."""

    dependencies = [("activations", "0012_count_numbers_that_are_gone")]
    operations = [install("activations/sql/history_counts.sql")]
