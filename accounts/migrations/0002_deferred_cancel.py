from django.db import migrations, models


class Migration(migrations.Migration):
    """Whether a reseller gives money back before the provider allows a cancel."""

    dependencies = [("accounts", "0001_initial")]
    operations = [
        migrations.AddField(
            model_name="tenant",
            name="deferred_cancel",
            field=models.BooleanField(
                "cancels before the provider allows it",
                db_default=False,
                default=False,
                help_text="For protocols that let customers cancel at any time: the money goes back at once"
                " and the provider is told as soon as it allows. A message that comes in between is at your"
                " cost.",
            ),
        ),
    ]
