from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Find what is to be erased by its age. Both indexes hold only rows that are not erased yet: a month's.

    An order enters when it ends, which writes its indexes anyway; a message is appended at the end.
    """

    atomic = False
    dependencies = [("activations", "0009_find_pages_in_the_index")]
    operations = [
        AddIndexConcurrently(
            "activation",
            models.Index(
                fields=["ended_at"],
                condition=models.Q(erased_at=None, ended_at__isnull=False),
                name="activation_to_erase",
            ),
        ),
        AddIndexConcurrently(
            "message",
            models.Index(fields=["received_at"], condition=models.Q(erased_at=None), name="message_to_erase"),
        ),
    ]
