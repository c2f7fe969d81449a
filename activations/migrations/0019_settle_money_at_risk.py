import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Who settled a case of money at risk, why, and what the provider paid back."""

    dependencies = [
        ("accounts", "0001_initial"),
        ("activations", "0018_add_up_spending"),
        ("providers", "0010_routing_policies"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="moneyatrisk",
            name="changed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="moneyatrisk",
            name="changed_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="moneyatrisk",
            name="reason",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Why it was settled so, or whom we asked.",
                max_length=200,
            ),
        ),
        migrations.AddField(
            model_name="moneyatrisk",
            name="recovered_micros",
            field=models.BigIntegerField(
                db_default=0,
                default=0,
                help_text="What the provider paid back; what the customer got is in the ledger.",
            ),
        ),
        migrations.AddConstraint(
            model_name="moneyatrisk",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("recovered_micros__gte", 0), ("state", "recovered")),
                    ("recovered_micros", 0),
                    _connector="OR",
                ),
                name="risk_only_recovered_came_back",
            ),
        ),
    ]
