from django.db import migrations

from portal.sql import install


class Migration(migrations.Migration):
    """What a routing policy leaves out is in no list, either."""

    dependencies = [("providers", "0017_alerts")]

    operations = [install("providers/sql/routing_policy.sql")]
