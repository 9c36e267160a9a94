from django.db import migrations

from database.functions import install


class Migration(migrations.Migration):
    dependencies = [("booking", "0003_functions")]

    operations = [install("booking", "booking_hold_at_once", 2)]
