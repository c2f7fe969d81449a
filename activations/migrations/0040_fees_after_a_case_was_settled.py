from django.db import migrations, models

from portal.sql import install


class Migration(migrations.Migration):
    """A fee that is added to a settled case opens it again; what came back of it before stays noted."""

    dependencies = [("activations", "0039_judge_states_in_a_function")]

    operations = [
        migrations.RemoveConstraint(model_name="moneyatrisk", name="risk_only_recovered_came_back"),
        migrations.AddConstraint(
            model_name="moneyatrisk",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("recovered_micros", 0),
                    models.Q(
                        ("recovered_micros__gt", 0),
                        ("recovered_micros__lte", models.F("amount_micros")),
                    ),
                    _connector="OR",
                ),
                name="risk_comes_back_once",
            ),
        ),
        install("activations/sql/activation_attempts.sql"),
    ]
