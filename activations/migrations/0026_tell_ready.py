from django.db import migrations, models

from portal.sql import install


class Migration(migrations.Migration):
    """Providers that want to know are told when a buyer has sent for his code."""

    dependencies = [("activations", "0025_rentals_in_daily_caps")]

    operations = [
        migrations.AddField(
            model_name="check",
            name="ready_due_at",
            field=models.DateTimeField(
                help_text="When the provider is told that the buyer has sent for his code.", null=True
            ),
        ),
        migrations.AddIndex(
            model_name="check",
            index=models.Index(
                condition=models.Q(("ready_due_at__isnull", False)),
                fields=["ready_due_at"],
                name="check_ready_due",
            ),
        ),
        install("activations/sql/exchange.sql"),
    ]
