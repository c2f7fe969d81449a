from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """When a customer was marked for deletion, and when his data was erased."""

    dependencies = [("accounts", "0005_hosts_of_one_dialect")]
    operations = [
        migrations.AddField(
            model_name="customer",
            name="marked_at",
            field=models.DateTimeField(
                editable=False,
                help_text="His data is erased settings.PURGE_AFTER_DAYS later.",
                null=True,
                verbose_name="marked for deletion at",
            ),
        ),
        migrations.AddField(
            model_name="customer",
            name="purged_at",
            field=models.DateTimeField(
                editable=False,
                help_text="His id, orders and money stay.",
                null=True,
                verbose_name="data erased at",
            ),
        ),
        migrations.AddConstraint(
            model_name="customer",
            constraint=models.CheckConstraint(
                condition=Q(purged_at=None) | Q(status="markedForDeletion"), name="customer_purged_is_marked"
            ),
        ),
    ]
