import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Keep foreign keys where they hold something together; each one costs every order a look-up and a lock."""

    dependencies = [
        ("accounts", "0001_initial"),
        ("webhooks", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="event",
            name="customer",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="events",
                to="accounts.customer",
            ),
        ),
        migrations.AlterField(
            model_name="event",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="events",
                to="accounts.tenant",
            ),
        ),
    ]
