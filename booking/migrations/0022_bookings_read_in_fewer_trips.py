"""What a list, a hold of two doses and a hold in one statement read, planned once a connection."""

from django.db import migrations

from database.functions import install


class Migration(migrations.Migration):
    dependencies = [("booking", "0021_standing_names_in_english")]
    operations = [
        install("booking", "booking_course"),
        install("booking", "booking_best_seconds"),
        install("booking", "booking_of_person", 4),
    ]
