from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("booking", "0017_facilities_of_clinics")]

    operations = [
        ValidateConstraint(model_name="clinic", name="clinic_has_known_facilities"),
    ]
