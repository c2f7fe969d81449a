from django.db import migrations, models


class Migration(migrations.Migration):
    """Attempts given up after two empty lists are looked for once in a while, lest they were sold late (U2)."""

    dependencies = [("activations", "0033_narrow_indexes")]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="look_at",
            field=models.DateTimeField(
                help_text="When the provider's list is read again, lest it was sold late.", null=True
            ),
        ),
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(
                condition=models.Q(("look_at__isnull", False)),
                fields=["look_at"],
                name="attempt_to_look_for",
            ),
        ),
    ]
