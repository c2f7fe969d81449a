from django.db import migrations, models


class Migration(migrations.Migration):
    """A further reason for an endpoint to be off; nothing changes in the database."""

    dependencies = [("webhooks", "0005_retention")]
    operations = [
        migrations.AlterField(
            model_name="endpoint",
            name="off_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("by_hand", "switched off by hand"),
                    ("gone", "the receiver answered 410 Gone"),
                    ("failing", "nothing arrived for seven days"),
                    ("operator", "switched off by the operator of the platform"),
                ],
                max_length=8,
            ),
        ),
    ]
