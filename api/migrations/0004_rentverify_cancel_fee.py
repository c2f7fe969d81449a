from django.db import migrations, models


class Migration(migrations.Migration):
    """What a cancel costs the customers of a reseller who speak RentVerify."""

    dependencies = [("api", "0003_dialect_settings")]
    operations = [
        migrations.AddField(
            model_name="dialectsettings",
            name="rentverify_cancel_fee_micros",
            field=models.BigIntegerField(
                "rentverify: what a cancel costs the customer",
                db_default=100_000,
                default=100_000,
                help_text="At most the number's price. Clients of the protocol expect 0.10.",
            ),
        ),
        migrations.AddConstraint(
            model_name="dialectsettings",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("rentverify_cancel_fee_micros__gte", 0),
                    ("rentverify_cancel_fee_micros__lte", 10_000_000),
                ),
                name="rentverify_cancel_fee_is_bounded",
                violation_error_message="The fee lies between 0 and 10 USD.",
            ),
        ),
    ]
