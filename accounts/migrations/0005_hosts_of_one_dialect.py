from django.db import migrations, models
from django.db.models import Q

NAMES = ["retail", "handler", "rentverify", "ping", "onlinesim"]


class Migration(migrations.Migration):
    """A host name may be of one dialect alone."""

    dependencies = [("accounts", "0004_internal_accounts")]
    operations = [
        migrations.AddField(
            model_name="domain",
            name="dialect",
            field=models.CharField(
                blank=True,
                choices=[(name, name) for name in NAMES],
                db_default="",
                default="",
                help_text="Only programs that speak it are served here, and no pages. Empty: pages and every"
                " dialect.",
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="domain",
            constraint=models.CheckConstraint(
                condition=Q(is_primary=False) | Q(dialect=""),
                name="domain_primary_has_pages",
                violation_error_message="Links lead to the primary host, so it must have pages.",
            ),
        ),
    ]
