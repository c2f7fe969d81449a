from django.db import migrations, models


class Migration(migrations.Migration):
    """Providers are told that a number was known to its service already."""

    dependencies = [("activations", "0029_tell_refused_renewals")]

    operations = [
        migrations.AlterField(
            model_name="ending",
            name="told",
            field=models.CharField(
                blank=True,
                choices=[
                    ("sold", "Sold"),
                    ("unused", "Unused"),
                    ("refunded", "Refunded"),
                    ("used", "Used"),
                ],
                db_default="",
                default="",
                max_length=8,
            ),
        ),
    ]
