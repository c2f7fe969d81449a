from django.db import migrations

from portal.sql import install


class Migration(migrations.Migration):
    """A rental expires only at its end as it is by then, and is not finished while it is being cancelled."""

    dependencies = [("activations", "0030_numbers_used_before")]

    operations = [install("activations/sql/rental_moves.sql")]
