from django.db import migrations

from portal.sql import install


class Migration(migrations.Migration):
    """Counting how numbers ended, for the figures that the router reads."""

    dependencies = [
        ("activations", "0013_orders_are_kept"),
        ("providers", "0006_measured_routes"),
    ]
    operations = [install("activations/sql/route_quality.sql")]
