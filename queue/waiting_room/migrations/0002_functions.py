from django.db import migrations

from database.functions import install


class Migration(migrations.Migration):
    dependencies = [("waiting_room", "0001_initial")]

    operations = [install("waiting_room", "waiting_room_live_admission", 1)]
