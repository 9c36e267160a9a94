from django.db import migrations

from database.functions import install


class Migration(migrations.Migration):
    dependencies = [("booking", "0020_english_names_of_clinics")]

    operations = [install("booking", "booking_standing", 3)]
