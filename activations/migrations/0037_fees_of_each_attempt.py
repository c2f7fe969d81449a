from django.db import migrations, models

from portal.sql import install


class Migration(migrations.Migration):
    """What providers keep of several numbers of one order is added up."""

    dependencies = [("activations", "0036_risks_of_refunds_by_staff")]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="kept_fee_micros",
            field=models.BigIntegerField(
                db_default=0,
                default=0,
                help_text="What cancelling its number cost, which nobody was sold.",
            ),
        ),
        install("activations/sql/activation_attempts.sql"),
    ]
