from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0011_longer_price_ids"),
    ]

    operations = [
        migrations.AddField(
            model_name="provider",
            name="draining_since",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="Off for good: told when the last number ended.",
                null=True,
            ),
        ),
    ]
