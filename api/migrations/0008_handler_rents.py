from django.db import migrations, models


class Migration(migrations.Migration):
    """Whether a reseller's handler clients may rent."""

    dependencies = [("api", "0007_ping_extensions")]
    operations = [
        migrations.AddField(
            model_name="dialectsettings",
            name="handler_rents",
            field=models.BooleanField(
                "handler: rents numbers out",
                db_default=True,
                default=True,
                help_text="Off: its clients cannot rent; rentals that run go on, on the pages.",
            ),
        ),
    ]
