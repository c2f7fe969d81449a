from django.db import migrations, models

from portal.sql import install

OLD_CLOSE = "DROP FUNCTION IF EXISTS activation_close(uuid, text, text, timestamptz)"
OLD_OPEN = """
DROP FUNCTION IF EXISTS activation_open(
    bigint, bigint, text, bytea, text, text, text, text, text, text, text, text, bigint, bigint, text, bigint,
    text, bigint, bigint, bigint, bigint, bigint, bigint, double precision, bigint, text, bigint, bigint,
    timestamptz, timestamptz, timestamptz)
"""


class Migration(migrations.Migration):
    """What a channel promises beside the price stays with the order: its cancel fee, and how it ends."""

    dependencies = [
        ("activations", "0019_settle_money_at_risk"),
        ("billing", "0008_cancel_fee"),
    ]
    operations = [
        migrations.AddField(
            model_name="activation",
            name="cancel_fee_micros",
            field=models.BigIntegerField(
                db_default=0, default=0, help_text="What a cancel costs the customer, at most the price."
            ),
        ),
        migrations.AddField(
            model_name="activation",
            name="ends_finalized",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Used, it is finalized at its end, not expired.",
            ),
        ),
        migrations.RemoveConstraint(model_name="activation", name="activation_amounts_not_negative"),
        migrations.AddConstraint(
            model_name="activation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cancel_fee_micros__gte", 0),
                    ("cost_micros__gte", 0),
                    ("customer_price_micros__gte", 0),
                    ("price_micros__gte", 0),
                ),
                name="activation_amounts_not_negative",
            ),
        ),
        migrations.AlterField(
            model_name="check",
            name="kind",
            field=models.CharField(
                choices=[
                    ("status", "Status"),
                    ("reconcile", "Reconcile"),
                    ("cancel", "closed here, to be cancelled there"),
                ],
                max_length=9,
            ),
        ),
        migrations.RunSQL(OLD_CLOSE, migrations.RunSQL.noop),
        migrations.RunSQL(OLD_OPEN, migrations.RunSQL.noop),
        install("activations/sql/activation_open.sql"),
        install("activations/sql/activation_moves.sql"),
    ]
