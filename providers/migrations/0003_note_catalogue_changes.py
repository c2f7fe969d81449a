from django.db import migrations

from portal.sql import install


class Migration(migrations.Migration):
    """Triggers that note what changes published lists: rules, providers, their health, the catalogue."""

    dependencies = [
        ("providers", "0002_catalogue_changes"),
        ("billing", "0003_ledger_functions"),
    ]
    operations = [install("providers/sql/catalogue_changes.sql")]
