from django.db import migrations, models


class Migration(migrations.Migration):
    """Find rentals in stock, and say what an account does when a rental ends early."""

    dependencies = [
        ("providers", "0008_callback_secret"),
    ]

    operations = [
        migrations.AddField(
            model_name="provider",
            name="rental_ends_unused",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Closes and pays back a rental without a message when its guard time ends.",
            ),
        ),
        migrations.AddField(
            model_name="provider",
            name="rental_pays_days_back",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="A rental cancelled later gets its whole unused days paid back.",
            ),
        ),
        migrations.AddIndex(
            model_name="offer",
            index=models.Index(
                condition=models.Q(("count__gt", 0), ("kind", "rental")),
                fields=["service", "country"],
                name="rental_offer_in_stock",
            ),
        ),
    ]
