from django.db import migrations

from database.functions import install


class Migration(migrations.Migration):
    dependencies = [("booking", "0024_weekdays_are_of_the_week")]

    operations = [install("booking", "booking_standing", 4)]
