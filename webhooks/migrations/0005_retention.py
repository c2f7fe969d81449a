from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Find callbacks whose body is to be erased; those that are empty already have no place in the index."""

    atomic = False
    dependencies = [("webhooks", "0004_customer_updated")]
    operations = [
        AddIndexConcurrently(
            "inboxmessage",
            models.Index(fields=["received_at"], condition=~models.Q(body=b""), name="inbox_to_erase"),
        ),
    ]
