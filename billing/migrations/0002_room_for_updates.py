from django.db import migrations


class Migration(migrations.Migration):
    """Leave room on each page: a wallet is rewritten with every order, and a hot row must stay on its page."""

    dependencies = [("billing", "0001_initial")]
    operations = [
        migrations.RunSQL("ALTER TABLE billing_wallet SET (fillfactor = 50)", migrations.RunSQL.noop),
        migrations.RunSQL("ALTER TABLE billing_hold SET (fillfactor = 85)", migrations.RunSQL.noop),
    ]
