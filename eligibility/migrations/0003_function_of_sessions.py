from django.db import migrations

from database.functions import install


class Migration(migrations.Migration):
    dependencies = [("eligibility", "0002_answers_of_providers")]

    operations = [install("eligibility", "eligibility_session", 1)]
