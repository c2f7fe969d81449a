import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("api", "0005_drop_everybodys_lists"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="publication",
            name="publication_once",
        ),
        migrations.RemoveConstraint(
            model_name="publishedlist",
            name="list_once",
        ),
        migrations.AlterField(
            model_name="publication",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="accounts.tenant",
            ),
        ),
        migrations.AlterField(
            model_name="publishedlist",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="accounts.tenant",
            ),
        ),
        migrations.AddConstraint(
            model_name="publication",
            constraint=models.UniqueConstraint(fields=("tenant", "topic"), name="publication_once"),
        ),
        migrations.AddConstraint(
            model_name="publishedlist",
            constraint=models.UniqueConstraint(fields=("tenant", "name"), name="list_once"),
        ),
    ]
