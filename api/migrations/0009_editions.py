from django.db import migrations, models


class Migration(migrations.Migration):
    """Lists that only some tenants are asked for, by dialect and group of customers."""

    dependencies = [("api", "0008_handler_rents")]
    operations = [
        migrations.AddField(
            model_name="publication",
            name="edition",
            field=models.CharField(blank=True, db_default="", default="", max_length=60),
        ),
        migrations.RemoveConstraint(model_name="publication", name="publication_once"),
        migrations.AddConstraint(
            model_name="publication",
            constraint=models.UniqueConstraint(
                fields=("tenant", "topic", "edition"), name="publication_once"
            ),
        ),
        migrations.AlterField(
            model_name="publishedlist",
            name="name",
            field=models.CharField(max_length=60),
        ),
    ]
