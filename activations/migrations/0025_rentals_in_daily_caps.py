from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from portal.sql import install


class Migration(migrations.Migration):
    """Daily caps count what is rented, too."""

    atomic = False
    dependencies = [("activations", "0024_name_the_lease")]

    operations = [
        AddIndexConcurrently("rentalterm", models.Index(fields=["settled_at"], name="term_by_settling")),
        install("activations/sql/spend.sql"),
    ]
