from django.db import migrations, models

from portal.sql import install


class Migration(migrations.Migration):
    """An order may leave something behind at more than one provider: each is listed."""

    dependencies = [("activations", "0022_exchanges")]

    operations = [
        migrations.RemoveConstraint(model_name="moneyatrisk", name="risk_once_per_kind"),
        migrations.AddConstraint(
            model_name="moneyatrisk",
            constraint=models.UniqueConstraint(
                fields=("activation", "kind", "provider"), name="risk_once_per_kind"
            ),
        ),
        install("activations/sql/activation_attempts.sql"),
    ]
