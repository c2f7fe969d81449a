from django.db import migrations, models


class Migration(migrations.Migration):
    """Accounts of the portal's own are told from customers."""

    dependencies = [("accounts", "0003_installation")]
    operations = [
        migrations.AddField(
            model_name="customer",
            name="is_internal",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="An account of the portal's own, as of a contract with a marketplace: nobody's"
                " customer.",
            ),
        ),
    ]
