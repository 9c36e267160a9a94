from django.db import migrations, models

import web.codes


class Migration(migrations.Migration):
    dependencies = [("waiting_room", "0005_index_of_steps_but_calls")]

    operations = [
        migrations.AlterField(
            model_name="ticket",
            name="id",
            field=models.UUIDField(
                default=web.codes.random_uuid, editable=False, primary_key=True, serialize=False
            ),
        ),
    ]
