from django.db import migrations

from database.functions import install


class Migration(migrations.Migration):
    dependencies = [("recovery", "0001_drills")]

    operations = [install("recovery", "recovery_standbys")]
