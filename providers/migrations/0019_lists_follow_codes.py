from django.db import migrations

from portal.sql import install


class Migration(migrations.Migration):
    """Published lists of dialects change with the codes that they are written in."""

    dependencies = [("providers", "0018_policies_in_lists")]
    operations = [install("providers/sql/catalogue_changes.sql")]
