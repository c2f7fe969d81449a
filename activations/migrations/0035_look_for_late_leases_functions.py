from django.db import migrations

from portal.sql import install


class Migration(migrations.Migration):
    """The functions that give an attempt up note from when on it is looked for."""

    dependencies = [("activations", "0034_look_for_late_leases")]

    operations = [install("activations/sql/activation_attempts.sql"), install("activations/sql/exchange.sql")]
