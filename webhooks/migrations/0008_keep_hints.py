from django.db import migrations, models
from django.db.models.functions import MD5


class Migration(migrations.Migration):
    """Callbacks that only made us ask are kept, each once."""

    dependencies = [("webhooks", "0007_unreadable_callbacks")]

    operations = [
        migrations.AddIndex(
            model_name="inboxmessage",
            index=models.Index(
                condition=models.Q(("outcome", "hint")),
                fields=["provider_id", "received_at"],
                name="inbox_hints",
            ),
        ),
        migrations.AddConstraint(
            model_name="inboxmessage",
            constraint=models.UniqueConstraint(
                models.F("provider_id"),
                MD5("body"),
                condition=models.Q(("outcome", "hint"), models.Q(("body", b""), _negated=True)),
                name="inbox_hint_once",
            ),
        ),
    ]
