from django.db import migrations

from portal.sql import install


class Migration(migrations.Migration):
    """The moves of a rental as SQL functions, one round trip each."""

    dependencies = [
        ("activations", "0015_rentals"),
        ("webhooks", "0005_retention"),
        ("billing", "0007_rentals"),
    ]
    operations = [
        install("activations/sql/rental_order.sql"),
        install("activations/sql/rental_extend.sql"),
        install("activations/sql/rental_moves.sql"),
        migrations.RunSQL("ALTER TABLE activations_rentaldue SET (fillfactor = 70)", migrations.RunSQL.noop),
    ]
