from django.db import migrations

from database.functions import install


class Migration(migrations.Migration):
    dependencies = [("waiting_room", "0014_enter_in_one_statement")]
    operations = [install("waiting_room", "waiting_room_called")]
