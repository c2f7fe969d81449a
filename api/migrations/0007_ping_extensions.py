from django.db import migrations, models


class Migration(migrations.Migration):
    """Whether a reseller's ping dialect also answers what the vendor does not have."""

    dependencies = [("api", "0006_lists_of_tenants")]
    operations = [
        migrations.AddField(
            model_name="dialectsettings",
            name="ping_extensions",
            field=models.BooleanField(
                "ping: balance and lists",
                db_default=False,
                default=False,
                help_text="Answers /balance, /orders, /rentals, /rentals/<id> too, which the vendor does not"
                " have.",
            ),
        ),
    ]
