import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    """An id of this installation, drawn when the first order leaves it."""

    dependencies = [
        ("accounts", "0002_deferred_cancel"),
    ]

    operations = [
        migrations.CreateModel(
            name="Installation",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("number", models.PositiveSmallIntegerField(default=1, unique=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("number", 1)), name="installation_is_one")
                ],
            },
        ),
    ]
