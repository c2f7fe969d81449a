from django.db import migrations

from portal.sql import install


class Migration(migrations.Migration):
    """What a reseller lists and under which names, for everything that sells or shows."""

    dependencies = [
        ("providers", "0013_listings"),
    ]

    operations = [install("providers/sql/listings.sql")]
