from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0015_replace_silent_numbers"),
    ]

    operations = [
        migrations.AddField(
            model_name="cataloguesync",
            name="balance_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="cataloguesync",
            name="balance_micros",
            field=models.BigIntegerField(help_text="Our funds there, asked with the list.", null=True),
        ),
    ]
