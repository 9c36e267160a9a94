import django.contrib.postgres.fields
from django.db import migrations, models

from database.functions import install


class Migration(migrations.Migration):
    dependencies = [("eligibility", "0005_what_indexes_are_computed_from")]

    operations = [
        migrations.AddField(
            model_name="person",
            name="ended_sessions",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), db_default=[], editable=False, size=None
            ),
        ),
        install("eligibility", "eligibility_session", 2),
    ]
