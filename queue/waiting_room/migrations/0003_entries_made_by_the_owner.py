from django.db import migrations

from database.functions import install


class Migration(migrations.Migration):
    dependencies = [("waiting_room", "0002_functions")]

    operations = [install("waiting_room", "waiting_room_make_entries", 1)]
