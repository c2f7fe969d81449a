from django.db import migrations

from portal.sql import install


class Migration(migrations.Migration):
    """Counting settled orders, and keeping the counts right when an old order still changes."""

    dependencies = [("activations", "0007_history_counts")]
    operations = [install("activations/sql/history_counts.sql")]
