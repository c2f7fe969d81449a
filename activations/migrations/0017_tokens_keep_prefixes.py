import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    """A continued order keeps the prefixes that its first part excluded."""

    dependencies = [
        ("activations", "0016_rental_functions"),
    ]

    operations = [
        migrations.AddField(
            model_name="pricetoken",
            name="exclude_prefixes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=20), default=list, size=None
            ),
        ),
        migrations.AlterField(
            model_name="pricetoken",
            name="quality_factor",
            field=models.FloatField(null=True),
        ),
    ]
