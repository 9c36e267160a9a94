from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("booking", "0023_weekdays_of_entries")]

    operations = [
        ValidateConstraint(model_name="listentry", name="entry_names_days_of_the_week"),
    ]
