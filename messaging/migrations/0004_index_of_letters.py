from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("messaging", "0003_calls_and_letters"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                models.F("created_at"),
                condition=models.Q(("channel", "letter")),
                name="letters_by_time",
            ),
        ),
    ]
