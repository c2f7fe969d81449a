import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    """Rentals are told apart by their term, operators keep their own word, and unchanged offers their row."""

    dependencies = [("providers", "0003_note_catalogue_changes")]
    operations = [
        migrations.RemoveConstraint(
            model_name="offer",
            name="offer_once",
        ),
        migrations.RemoveField(
            model_name="offer",
            name="fetched_at",
        ),
        migrations.RemoveField(
            model_name="offer",
            name="ttl_seconds",
        ),
        migrations.AddField(
            model_name="offer",
            name="changed_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                help_text="When it last differed from the upstream's list.",
            ),
        ),
        migrations.AddField(
            model_name="offer",
            name="upstream_operator",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Empty: `operator` is its own word.",
                max_length=60,
            ),
        ),
        migrations.AlterField(
            model_name="offer",
            name="country",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="offers",
                to="providers.country",
            ),
        ),
        migrations.AlterField(
            model_name="offer",
            name="duration_hours",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Term of a rental; empty where the upstream sells it without one.",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="offer",
            name="provider",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="offers",
                to="providers.provider",
            ),
        ),
        migrations.AlterField(
            model_name="offer",
            name="service",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="offers",
                to="providers.service",
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.UniqueConstraint(
                fields=(
                    "provider",
                    "kind",
                    "service",
                    "country",
                    "operator",
                    "upstream_ref",
                    "duration_hours",
                ),
                name="offer_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind", "rental"), ("duration_hours", None), _connector="OR"),
                name="offer_only_rentals_have_a_term",
            ),
        ),
    ]
