from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("booking", "0026_party_of_a_family")]

    operations = [
        AddIndexConcurrently(
            model_name="reservation",
            index=models.Index(
                condition=models.Q(("party__isnull", False)),
                fields=["party"],
                name="reservations_by_party",
            ),
        ),
    ]
