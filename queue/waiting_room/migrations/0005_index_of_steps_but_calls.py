from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("waiting_room", "0004_witnesses")]

    operations = [
        AddIndexConcurrently(
            model_name="step",
            index=models.Index(
                condition=models.Q(("act", "call"), _negated=True),
                fields=["room", "id"],
                name="steps_but_calls",
            ),
        ),
    ]
