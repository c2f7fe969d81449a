from django.db import migrations, models


class Migration(migrations.Migration):
    """Some providers sign their callbacks with a secret that is not the account's key."""

    dependencies = [("providers", "0007_words_that_nobody_mapped")]
    operations = [
        migrations.AddField(
            model_name="provider",
            name="callback_secret_encrypted",
            field=models.BinaryField(blank=True, default=b""),
        ),
    ]
