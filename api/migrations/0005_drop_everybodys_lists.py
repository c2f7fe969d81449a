from django.db import migrations

DROP = "DELETE FROM api_publishedlist WHERE tenant_id IS NULL; DELETE FROM api_publication WHERE tenant_id IS NULL"


class Migration(migrations.Migration):
    """The catalogue is each reseller's own now; his first caller has it written."""

    dependencies = [
        ("api", "0004_rentverify_cancel_fee"),
        ("providers", "0014_listing_functions"),
    ]

    operations = [migrations.RunSQL(DROP, migrations.RunSQL.noop)]
