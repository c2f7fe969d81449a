import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Keep foreign keys where they hold something together; each one costs every order a look-up and a lock."""

    dependencies = [
        ("accounts", "0001_initial"),
        ("billing", "0004_free_orders_and_empty_wallets"),
    ]

    operations = [
        migrations.AlterField(
            model_name="entry",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.tenant",
            ),
        ),
        migrations.AlterField(
            model_name="hold",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.tenant",
            ),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="transactions",
                to="accounts.tenant",
            ),
        ),
    ]
