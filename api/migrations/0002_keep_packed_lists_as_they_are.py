from django.db import migrations


class Migration(migrations.Migration):
    """Bodies are gzip already: PostgreSQL shall not try to compress them, and can then cut parts out of them
    without reading the whole.
    """

    dependencies = [("api", "0001_published_lists")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE api_publishedlist ALTER COLUMN packed SET STORAGE EXTERNAL",
            "ALTER TABLE api_publishedlist ALTER COLUMN packed SET STORAGE EXTENDED",
        )
    ]
