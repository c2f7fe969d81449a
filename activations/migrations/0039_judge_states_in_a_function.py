from django.db import migrations, models

from portal.sql import install


class Migration(migrations.Migration):
    """The same states as before, judged by a function instead of a pattern: 4 µs of each write of an order
    instead of 30.
    """

    dependencies = [("activations", "0038_request_keys_of_tenants")]

    operations = [
        install("activations/sql/legal_states.sql"),
        migrations.RemoveConstraint(model_name="activation", name="activation_state_is_legal"),
        migrations.AddConstraint(
            model_name="activation",
            constraint=models.CheckConstraint(
                name="activation_state_is_legal",
                condition=models.Func(
                    models.F("activation_status"),
                    models.F("sms_status"),
                    models.F("billing_status"),
                    function="activation_states_are_legal",
                    output_field=models.BooleanField(),
                ),
            ),
        ),
    ]
