from django.db import migrations, models

import web.codes


class Migration(migrations.Migration):
    dependencies = [("eligibility", "0006_sessions_end_one_by_one")]

    operations = [
        migrations.AlterField(
            model_name="proxyrequest",
            name="token",
            field=models.UUIDField(
                default=web.codes.random_uuid, editable=False, unique=True
            ),
        ),
    ]
