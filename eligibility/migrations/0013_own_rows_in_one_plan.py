from django.db import migrations

from database.functions import install


class Migration(migrations.Migration):
    dependencies = [("eligibility", "0012_language_of_a_person")]
    operations = [install("eligibility", "eligibility_own_rows")]
