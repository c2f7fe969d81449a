from django.db import migrations, models


class Migration(migrations.Migration):
    """Whether a reseller lets silent numbers be exchanged; nobody does until he says so."""

    dependencies = [("providers", "0014_listing_functions")]

    operations = [
        migrations.AddField(
            model_name="routingpolicy",
            name="replaces_silent",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "never"),
                    ("pages", "in orders made on pages"),
                    ("all", "in all orders"),
                ],
                db_default="",
                default="",
                help_text="A number whose SMS is later than nine of ten of its route is exchanged for one of "
                "another provider, at no higher price. Choose all orders only if your partners' programs read "
                "the phone from each poll: those that keep the first one would wait in vain.",
                max_length=5,
                verbose_name="replace silent numbers",
            ),
        ),
    ]
