from django.db import migrations

from database.functions import install


class Migration(migrations.Migration):
    dependencies = [("waiting_room", "0013_longer_language_codes")]
    operations = [install("waiting_room", "waiting_room_enter")]
