import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Keys of what a tenant's program asks about customers and their money: once in the tenant (M2, M3)."""

    dependencies = [("activations", "0037_fees_of_each_attempt")]

    operations = [
        migrations.AlterField(
            model_name="requestkey",
            name="customer",
            field=models.ForeignKey(
                db_index=False,
                help_text="None: what a tenant's program asked about customers and their money.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="accounts.customer",
            ),
        ),
        migrations.AddConstraint(
            model_name="requestkey",
            constraint=models.UniqueConstraint(
                condition=models.Q(("customer", None)),
                fields=("tenant", "key"),
                name="request_key_of_tenant_once",
            ),
        ),
    ]
