from django.db import migrations

from database.functions import install


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0010_vaccine_codes"),
        ("waiting_room", "0008_names_of_fields"),
    ]

    operations = [install("booking", "booking_standing")]
