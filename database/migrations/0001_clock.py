from django.db import migrations

from database.functions import install


class Migration(migrations.Migration):
    dependencies: list[tuple[str, str]] = []

    operations = [install("database", "jari_now", 1), install("database", "jari_clock", 1)]
