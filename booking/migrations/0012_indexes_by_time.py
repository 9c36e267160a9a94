from django.contrib.postgres.indexes import BrinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("booking", "0011_standing_of_a_person")]

    operations = [
        AddIndexConcurrently(
            model_name="reservation",
            index=BrinIndex(
                models.F("created_at"), autosummarize=True, name="reservations_by_time"
            ),
        ),
        AddIndexConcurrently(
            model_name="reservation",
            index=BrinIndex(models.F("confirmed_at"), autosummarize=True, name="bookings_by_time"),
        ),
    ]
