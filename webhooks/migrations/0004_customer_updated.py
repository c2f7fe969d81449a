from django.db import migrations

from portal.sql import install


class Migration(migrations.Migration):
    """Write customer.updated with the change of status itself: accounts lie below webhooks and cannot."""

    dependencies = [("webhooks", "0003_endpoints_and_deliveries"), ("accounts", "0001_initial")]
    operations = [install("webhooks/sql/customer_updated.sql")]
