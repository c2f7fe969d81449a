from django.db import migrations, models


class Migration(migrations.Migration):
    """Some providers sell by opaque ids of any length; a line whose id was cut could not be bought."""

    dependencies = [("providers", "0010_routing_policies")]
    operations = [
        migrations.AlterField(
            model_name="offer",
            name="upstream_ref",
            field=models.CharField(blank=True, help_text="Price tier, price id or the like.", max_length=200),
        ),
    ]
