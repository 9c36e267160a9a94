from django.db import migrations, models

import web.codes


class Migration(migrations.Migration):
    dependencies = [("booking", "0005_opening_hours")]

    operations = [
        migrations.AlterField(
            model_name="offer",
            name="token",
            field=models.UUIDField(
                default=web.codes.random_uuid, editable=False, unique=True
            ),
        ),
    ]
