from django.db import migrations


class Migration(migrations.Migration):
    """Leave room on each page, so that a move rewrites a row where it lies (a HOT update) and touches no index."""

    dependencies = [("activations", "0001_initial")]
    operations = [
        migrations.RunSQL("ALTER TABLE activations_activation SET (fillfactor = 85)", migrations.RunSQL.noop),
        migrations.RunSQL("ALTER TABLE activations_check SET (fillfactor = 70)", migrations.RunSQL.noop),
    ]
