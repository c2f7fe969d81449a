from django.db import migrations

from portal.sql import install


class Migration(migrations.Migration):
    """What a day has cost so far at a provider, for daily caps."""

    dependencies = [("activations", "0017_tokens_keep_prefixes"), ("providers", "0010_routing_policies")]
    operations = [install("activations/sql/route_quality.sql"), install("activations/sql/spend.sql")]
