from django.db import migrations

from database.functions import install


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0027_reservations_by_party"),
        ("waiting_room", "0015_called_in_one_plan"),
    ]
    operations = [install("booking", "booking_inside")]
