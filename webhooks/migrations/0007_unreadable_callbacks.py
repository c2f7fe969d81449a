from django.db import migrations, models


class Migration(migrations.Migration):
    """Callbacks that could not be read are found and counted by their provider."""

    dependencies = [("webhooks", "0006_operators_switch_endpoints_off")]

    operations = [
        migrations.AddIndex(
            model_name="inboxmessage",
            index=models.Index(
                condition=models.Q(("outcome", "unreadable")), fields=["provider_id"], name="inbox_unreadable"
            ),
        ),
    ]
