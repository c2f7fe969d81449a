from django.db import migrations, models


class Migration(migrations.Migration):
    """One "no such number" may be a slip; how many came in a row decides."""

    dependencies = [("activations", "0011_spell_legal_states_as_a_pattern")]
    operations = [
        migrations.AddField(
            model_name="check",
            name="gone",
            field=models.PositiveSmallIntegerField(
                db_default=0,
                default=0,
                help_text="How often in a row the provider said that it knows no such number.",
            ),
        ),
    ]
